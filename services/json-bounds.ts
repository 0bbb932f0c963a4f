import type { Language } from '../language.ts'
import { JSON_MAX_DEPTH, JSON_MAX_VALUES } from '../schemas/limits.ts'

/** JSON that is not parsed because of its size. `fault` completes a sentence about it: "it …", or "Field "x" …". */
export class JsonBoundsError extends Error {
  readonly fault: Readonly<Record<Language, string>>
  readonly limit: number

  constructor (fault: Record<Language, string>, limit: number) {
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

const QUOTE = 0x22
const COMMA = 0x2C
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
      at = endOfString(text, at)
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
