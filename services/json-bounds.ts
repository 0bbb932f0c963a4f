import type { Phrase } from '../errors/language.ts'
import { JSON_MAX_DEPTH, JSON_MAX_NAME, JSON_MAX_VALUES } from '../schemas/limits.ts'

/** JSON that is not parsed because of its size. `fault` completes a sentence about it: "it …", or "Field "x" …". */
export class JsonBoundsError extends Error {
  readonly fault: Phrase
  readonly limit: number

  constructor (fault: Phrase, limit: number) {
    super(fault.en)
    this.fault = fault
    this.limit = limit
  }
}

const TOO_DEEP = {
  en: `is nested deeper than ${JSON_MAX_DEPTH} levels`,
  zh: `嵌套超过 ${JSON_MAX_DEPTH} 层`
}
const TOO_MANY = {
  en: `has more than ${JSON_MAX_VALUES} values`,
  zh: `包含的值超过 ${JSON_MAX_VALUES} 个`
}
const LONG_NAME = {
  en: `has a name of more than ${JSON_MAX_NAME} characters`,
  zh: `包含超过 ${JSON_MAX_NAME} 个字符的名称`
}

const QUOTE = 0x22
const COMMA = 0x2C
const COLON = 0x3A
const BLANKS = new Set([0x20, 0x09, 0x0A, 0x0D])
const BACKSLASH = 0x5C
/** Brackets and braces differ in a single bit. */
const CASE_BIT = 0x20
const OPEN = 0x7B
const CLOSE = 0x7D

/** Parses JSON texts of one request. All that one reader parses may have JSON_MAX_VALUES together. */
export class JsonReader {
  #left = JSON_MAX_VALUES

  /** @throws JsonBoundsError for JSON that is too deep or has too many values; SyntaxError */
  parse (text: string): unknown {
    this.#left -= checkJsonBounds(text, JSON_MAX_DEPTH, this.#left)
    return JSON.parse(text)
  }
}

/**
 * Looks at the text alone, once and at most up to the first excess. Accepts anything that is not JSON.
 * @returns how many values it has at most: items of lists and members of objects
 * @throws JsonBoundsError
 */
export function checkJsonBounds (text: string, maxDepth = JSON_MAX_DEPTH, maxValues = JSON_MAX_VALUES): number {
  let depth = 0
  // A list or object that is not empty has one value more than commas; an empty one counts as a value too many.
  let values = 0
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at)
    if (character === QUOTE) {
      const end = endOfString(text, at)
      if (end - at - 1 > JSON_MAX_NAME && isName(text, end)) throw new JsonBoundsError(LONG_NAME, JSON_MAX_NAME)
      at = end
    } else if (character === COMMA) {
      if (++values > maxValues) throw new JsonBoundsError(TOO_MANY, JSON_MAX_VALUES)
    } else if ((character | CASE_BIT) === OPEN) {
      if (++depth > maxDepth) throw new JsonBoundsError(TOO_DEEP, JSON_MAX_DEPTH)
      if (++values > maxValues) throw new JsonBoundsError(TOO_MANY, JSON_MAX_VALUES)
    } else if ((character | CASE_BIT) === CLOSE) {
      depth--
    }
  }
  return values
}

/** Whether the string that ends there is the name of a member: a colon follows. */
function isName (text: string, end: number): boolean {
  let at = end + 1
  while (BLANKS.has(text.charCodeAt(at))) at++
  return text.charCodeAt(at) === COLON
}

/**
 * Returns where the string that begins at `start` ends. Most of a body is in strings without escapes, which are searched;
 * a string with escapes is walked, so that no text takes more than two looks at each character.
 */
function endOfString (text: string, start: number): number {
  const end = text.indexOf('"', start + 1)
  if (end === -1) return text.length
  if (text.charCodeAt(end - 1) !== BACKSLASH) return end
  for (let at = start + 1; at < text.length; at++) {
    const character = text.charCodeAt(at)
    if (character === QUOTE) return at
    if (character === BACKSLASH) at++
  }
  return text.length
}
