/** Characters that make words with blanks between them. Others, such as Chinese, have no ends of words that a program could see. */
const OF_WORD = String.raw`[\p{Script=Latin}\p{M}\p{Nd}]`

/** @returns why it is wrong; empty when the answer is one of the texts, but for white space around either */
export function scoreExact (texts: string[], answer: string): string {
  return texts.some(text => text.trim() === answer.trim())
    ? ''
    : texts.length === 1 ? 'the answer is another' : `the answer is none of the ${texts.length} expected`
}

/** @returns why it is wrong; empty when all texts are in the answer (`contains`) */
export function scoreContains (texts: string[], answer: string): string {
  const missing = texts.filter(text => !contains(answer, text))
  return missing.length === 0 ? '' : `it lacks ${missing.map(text => `"${text}"`).join(', ')}`
}

/**
 * Whether a text is in another one, without regard to case and to the kind and amount of white space. Where it begins or ends with a Latin letter
 * or a digit no other may be beside it: `cat` is not in `category`, nor `3` in `13` or `3.5`.
 */
export function contains (answer: string, text: string): boolean {
  const wanted = text.trim().split(/\s+/)
  const first = wanted[0]!
  const last = wanted.at(-1)!
  const before = new RegExp(`^${OF_WORD}`, 'u').test(first) ? `(?<!${OF_WORD})` : ''
  const noFraction = /^\p{Nd}/u.test(first) ? String.raw`(?<!\p{Nd}[.,])` : ''
  const after = new RegExp(`${OF_WORD}$`, 'u').test(last) ? `(?!${OF_WORD})` : ''
  const fraction = /\p{Nd}$/u.test(last) ? String.raw`(?![.,]\p{Nd})` : ''
  return new RegExp(before + noFraction + wanted.map(escape).join(String.raw`\s+`) + after + fraction, 'iu').test(
    answer
  )
}

function escape (text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`)
}
