import type { Conversation } from './conversation.ts'

export interface Piece { text: string, isMatch: boolean }

const EXCERPT_BEFORE = 24
const EXCERPT_AFTER = 90
/**
 * A character with its combining marks. Half-width kana have separate voicing marks, which count as part of the
 * character.
 */
const CLUSTERS = /[^\p{M}\uff9e\uff9f]?[\p{M}\uff9e\uff9f]*/gsu

const foldedTexts = new WeakMap<Conversation, string>()

/** Normalizes case and width: `ＡＢＣ`, `ABC` and `abc` become equal. */
export function fold (text: string): string {
  return text.normalize('NFKC').toLowerCase()
}

export function wordsOf (query: string): string[] {
  return [...new Set(fold(query).split(/\s+/).filter(word => word !== ''))]
}

/** Whether the title and the turns together contain all words. */
export function hasWords (conversation: Conversation, words: readonly string[]): boolean {
  const text = foldedText(conversation)
  return words.every(word => text.includes(word))
}

function foldedText (conversation: Conversation): string {
  const known = foldedTexts.get(conversation)
  if (known !== undefined) return known
  const text = fold([conversation.title, ...conversation.turns.map(turn => turn.text)].join('\n'))
  foldedTexts.set(conversation, text)
  return text
}

/** A line around a word that the title does not contain; empty when the title contains all words. */
export function excerptOf ({ title, turns }: Conversation, words: readonly string[]): string {
  const inTitle = fold(title)
  const sought = words.filter(word => !inTitle.includes(word))
  for (const { text } of turns) {
    const folded = fold(text)
    const found = sought.map(word => folded.indexOf(word)).filter(at => at >= 0)
    if (found.length === 0) continue
    // Common words occur early; the word that occurs last is the most specific one.
    const at = Math.max(...found)
    return cut(text, folded.length === text.length ? at : placeOf(text, at))
  }
  return ''
}

function cut (text: string, at: number): string {
  const from = Math.max(0, at - EXCERPT_BEFORE)
  const piece = text.slice(from, at + EXCERPT_AFTER)
    // Removes half of a surrogate pair at either end.
    .replace(/^[\udc00-\udfff]|[\ud800-\udbff]$/g, '').replace(/\s+/g, ' ').trim()
  return from > 0 ? `…${piece}` : piece
}

/** Converts an index of the folded text to an index of the original text. */
function placeOf (text: string, foldedPlace: number): number {
  let place = 0
  let folded = 0
  for (const [cluster] of text.matchAll(CLUSTERS)) {
    folded += fold(cluster).length
    if (folded > foldedPlace) break
    place += cluster.length
  }
  return place
}

/** Splits a text into matching and other pieces. */
export function piecesOf (text: string, words: readonly string[]): Piece[] {
  const folded = fold(text)
  const matches = words.flatMap(word => rangesOf(word, folded)).sort(([a], [b]) => a - b)
  const pieces: Piece[] = []
  let done = 0
  for (const range of matches) {
    const [from, to] = folded.length === text.length ? range : range.map(place => placeOf(text, place)) as Range
    if (from > done) pieces.push({ text: text.slice(done, from), isMatch: false })
    if (to > done) pieces.push({ text: text.slice(Math.max(done, from), to), isMatch: true })
    done = Math.max(done, to)
  }
  if (done < text.length) pieces.push({ text: text.slice(done), isMatch: false })
  return pieces
}

type Range = [from: number, to: number]

function rangesOf (word: string, folded: string): Range[] {
  const ranges: Range[] = []
  for (let at = folded.indexOf(word); at >= 0; at = folded.indexOf(word, at + word.length)) {
    ranges.push([at, at + word.length])
  }
  return ranges
}
