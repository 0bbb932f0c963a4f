/** Characters of scripts that put blanks between words. Other scripts, such as Chinese, have no visible word ends. */
const OF_WORD = String.raw`[\p{Script=Latin}\p{M}\p{Nd}]`

/** @returns the reason for a wrong verdict; empty if the answer is one of the texts, ignoring white space around it */
export function scoreExact (texts: string[], answer: string): string {
  return texts.some(text => text.trim() === answer.trim())
    ? ''
    : texts.length === 1 ? 'the answer differs' : `the answer is none of the ${texts.length} expected texts`
}

/** @returns the reason for a wrong verdict; empty if the answer contains all texts */
export function scoreContains (texts: string[], answer: string): string {
  const missing = texts.filter(text => !contains(answer, text))
  return missing.length === 0 ? '' : `the answer lacks ${missing.map(text => `"${text}"`).join(', ')}`
}

/**
 * Whether an answer contains a text, ignoring case and the kind and amount of white space. If the text begins or ends
 * with a Latin letter or a digit, no other one may be next to it: `cat` is not in `category`, nor `3` in `13` or `3.5`.
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
