/** A schema of 64 levels, wherever it stands in a request, with room to spare. What is walked by recursion may be much deeper. */
export const JSON_MAX_DEPTH = 128

const QUOTE = 0x22
const BACKSLASH = 0x5C
/** Brackets and braces differ in a single bit. */
const CASE_BIT = 0x20
const OPEN = 0x7B
const CLOSE = 0x7D

/**
 * Whether lists and objects lie within each other deeper than that: `[[]]` is two levels. Looks at the text alone, once and at most to the first that
 * is too deep; of what is no JSON it may say anything.
 */
export function isDeeperThan (json: string, levels: number): boolean {
  let depth = 0
  for (let at = 0; at < json.length; at++) {
    const character = json.charCodeAt(at)
    if (character === QUOTE) at = endOfString(json, at)
    else if ((character | CASE_BIT) === OPEN && ++depth > levels) return true
    else if ((character | CASE_BIT) === CLOSE) depth--
  }
  return false
}

/** Where the string that begins there ends; most of a body is in strings, and they are searched, not walked. */
function endOfString (json: string, start: number): number {
  let end = start
  do {
    end = json.indexOf('"', end + 1)
    if (end === -1) return json.length
  } while (isEscaped(json, end))
  return end
}

function isEscaped (json: string, at: number): boolean {
  let backslashes = 0
  while (json.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes++
  return backslashes % 2 === 1
}
