import { matchFormula } from './formula-rules.ts'

const DELIMITER = /^(?:\*{1,3}|_{1,3}|~~)/
const BACKTICKS = /^`+/
const WHOLE_LINK = /^!?\[[^[\]\n]*\]\([^()\s]*(?:\s+"[^"\n]*")?\)/
const HALF_TARGET = /^!?\[([^[\]\n]*)\]\([^)\n]*$/
/** The label starts with a letter, because lists of numbers are not links. */
const HALF_LABEL = /^!?\[(\p{L}[^[\]\n]*)\]?$/u
const WORD = /[\p{L}\p{N}]/u
/** More open delimiters mean that the model repeats itself. */
const MOST_OPEN = 8

/** Completes the end of a growing text: closes emphasis and code, and reduces an incomplete link to its label. */
export function closeInline (text: string): string {
  const open: string[] = []
  let i = 0
  while (i < text.length) {
    if (open.length > MOST_OPEN) return text
    const rest = text.slice(i)
    const character = rest[0] ?? ''
    const formula = matchFormula(rest, true)
    if (formula !== undefined) {
      // An incomplete formula is shown as source.
      if (formula.isOpen) return text
      i += formula.raw.length
    } else if (character === '\\') {
      if (rest.length === 1) return withEnds(text.slice(0, i), open)
      i += 2
    } else if (character === '`') {
      const length = codeLength(rest)
      if (length === 0) return closeCode(text, i, open)
      i += length
    } else if (character === '[' || rest.startsWith('![')) {
      const whole = WHOLE_LINK.exec(rest)?.[0]
      const words = HALF_TARGET.exec(rest)?.[1] ?? HALF_LABEL.exec(rest)?.[1]
      if (whole === undefined && words !== undefined) {
        return withEnds(text.slice(0, i) + words, [...open, ...openIn(words)])
      }
      i += whole?.length ?? 1
    } else {
      const delimiter = DELIMITER.exec(rest)?.[0]
      if (delimiter !== undefined) weigh(open, delimiter, text[i - 1] ?? ' ', rest[delimiter.length] ?? '')
      i += delimiter?.length ?? 1
    }
  }
  return withEnds(text, open)
}

/** Opens or closes a delimiter, depending on the characters next to it. */
function weigh (open: string[], delimiter: string, before: string, after: string): void {
  const isInWord = delimiter.startsWith('_') && WORD.test(before) && WORD.test(after)
  if (isInWord) return
  if (open.at(-1) === delimiter && !/\s/.test(before)) open.pop()
  else if (after !== '' && !/\s/.test(after)) open.push(delimiter)
}

function openIn (words: string): string[] {
  const open: string[] = []
  for (const { 0: delimiter, index } of words.matchAll(/\*{1,3}|_{1,3}|~~/g)) {
    weigh(open, delimiter, words[index - 1] ?? ' ', words[index + delimiter.length] ?? '')
  }
  return open
}

/** Appends the closing delimiters. An incomplete delimiter at the end is removed, because it would appear as a star. */
function withEnds (text: string, open: readonly string[]): string {
  const words = text.trimEnd()
  const space = text.slice(words.length)
  const half = /(?:\*{1,3}|(?<!\w)_{1,3}|(?<=\S)_|~{1,2}|!)$/.exec(words)?.[0] ?? ''
  const isClosing = open.length === 0 && half !== '' && isClosed(words, half)
  const kept = isClosing || half === '!' ? words : words.slice(0, words.length - half.length)
  return kept.trimEnd() + open.toReversed().join('') + (kept === words ? space : '')
}

function isClosed (words: string, half: string): boolean {
  return words.slice(0, -half.length).includes(half)
}

function closeCode (text: string, start: number, open: readonly string[]): string {
  const run = BACKTICKS.exec(text.slice(start))?.[0] ?? ''
  const code = text.slice(start + run.length).replace(/`+$/, '').trimEnd()
  const ends = open.toReversed().join('')
  return code === '' ? withEnds(text.slice(0, start), open) : text.slice(0, start) + run + code + run + ends
}

/** The length of a code span at the start, including delimiters; 0 when its end is missing. */
function codeLength (text: string): number {
  const run = BACKTICKS.exec(text)?.[0] ?? ''
  for (const { 0: found, index } of text.slice(run.length).matchAll(/`+/g)) {
    if (found === run) return run.length * 2 + index
  }
  return 0
}
