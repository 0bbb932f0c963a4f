/** A label in an answer that names a box or point. */
export interface TextMark {
  /** See `markKey`. */
  key: string
  label: string
}

/** Plain text, or a label with the keys of the boxes and points of that name. */
export type MarkedPiece = string | { keys: readonly string[], text: string }
export type Marker = (text: string) => MarkedPiece[]

const SHORTEST_LABEL = 2
/** Scripts without spaces between words have no word boundaries. */
const SPACELESS = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u
const WORD = '[\\p{L}\\p{N}]'

/** Creates a function that finds labels in texts; null when there are no labels. */
export function createMarker (marks: readonly TextMark[]): Marker | null {
  const keys = new Map<string, string[]>()
  for (const { key, label } of marks) {
    const words = plain(label)
    if (Array.from(words).length >= SHORTEST_LABEL) keys.set(words, [...keys.get(words) ?? [], key])
  }
  if (keys.size === 0) return null
  // Longer labels match first: "red car" before "car".
  const labels = [...keys.keys()].sort((a, b) => b.length - a.length)
  const pattern = new RegExp(labels.map(patternOf).join('|'), 'giu')

  return text => {
    const pieces: MarkedPiece[] = []
    let end = 0
    for (const { 0: found, index } of text.matchAll(pattern)) {
      const named = keys.get(plain(found))
      if (named === undefined) continue
      if (index > end) pieces.push(text.slice(end, index))
      pieces.push({ keys: named, text: found })
      end = index + found.length
    }
    if (end < text.length) pieces.push(text.slice(end))
    return pieces
  }
}

function plain (label: string): string {
  return label.trim().replace(/\s+/g, ' ').toLowerCase()
}

function patternOf (label: string): string {
  const source = label.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&').replaceAll(' ', '\\s+')
  return `${edge(Array.from(label)[0], `(?<!${WORD})`)}${source}${edge(Array.from(label).at(-1), `(?!${WORD})`)}`
}

function edge (character = '', assertion: string): string {
  return SPACELESS.test(character) ? '' : assertion
}
