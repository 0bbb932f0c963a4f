import type { Phrase } from '../errors/language.ts'
import { JSON_MAX_DEPTH, JSON_MAX_NAME, JSON_MAX_VALUES } from '../schemas/limits.ts'

/** The error for JSON that exceeds a limit and is not parsed. `fault` completes the sentence `Field "…" …`. */
export class JsonBoundsError extends Error {
  readonly fault: Phrase
  readonly limit: number

  constructor (fault: Phrase, limit: number) {
    super(fault.en)
    this.fault = fault
    this.limit = limit
  }
}

export const tooDeep = () => new JsonBoundsError({
  en: `is nested deeper than ${JSON_MAX_DEPTH} levels`, zh: `嵌套超过 ${JSON_MAX_DEPTH} 层`
}, JSON_MAX_DEPTH)
export const tooManyValues = () => new JsonBoundsError({
  en: `has more than ${JSON_MAX_VALUES} values`, zh: `包含的值超过 ${JSON_MAX_VALUES} 个`
}, JSON_MAX_VALUES)
export const longName = () => new JsonBoundsError({
  en: `has a name of more than ${JSON_MAX_NAME} characters`, zh: `包含超过 ${JSON_MAX_NAME} 个字符的名称`
}, JSON_MAX_NAME)

const QUOTE = 0x22
const COMMA = 0x2C
const COLON = 0x3A
const BLANKS = new Set([0x20, 0x09, 0x0A, 0x0D])
const BACKSLASH = 0x5C
/** The bit in which the codes of a bracket and a brace differ. */
const CASE_BIT = 0x20
const OPEN = 0x7B
const CLOSE = 0x7D

/** Parses the JSON texts of one request, which may have JSON_MAX_VALUES in total. */
export class JsonReader {
  #left = JSON_MAX_VALUES

  /** @throws JsonBoundsError for JSON that is too deep, has too many values or too long names; SyntaxError */
  parse (text: string): unknown {
    this.#left -= checkJsonBounds(text, JSON_MAX_DEPTH, this.#left)
    return JSON.parse(text)
  }
}

/**
 * Checks the bounds of a JSON text without parsing it, in one pass that ends at the first excess. A text that is not
 * JSON is accepted.
 * @returns an upper bound of its values, which are items of lists and members of objects
 * @throws JsonBoundsError
 */
export function checkJsonBounds (text: string, maxDepth = JSON_MAX_DEPTH, maxValues = JSON_MAX_VALUES): number {
  let depth = 0
  // A list or object with items has one value more than commas. An empty one is counted as one value.
  let values = 0
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at)
    if (character === QUOTE) {
      const end = endOfString(text, at)
      if (end - at - 1 > JSON_MAX_NAME && isName(text, end)) throw longName()
      at = end
    } else if (character === COMMA) {
      if (++values > maxValues) throw tooManyValues()
    } else if ((character | CASE_BIT) === OPEN) {
      if (++depth > maxDepth) throw tooDeep()
      if (++values > maxValues) throw tooManyValues()
    } else if ((character | CASE_BIT) === CLOSE) {
      depth--
    }
  }
  return values
}

/** Returns whether the string that ends at `end` is the name of a member, which a colon follows. */
function isName (text: string, end: number): boolean {
  let at = end + 1
  while (BLANKS.has(text.charCodeAt(at))) at++
  return text.charCodeAt(at) === COLON
}

/**
 * Returns the end of the string that begins at `start`. It searches for a quotation mark, which suffices for strings
 * without escapes, and otherwise walks through the string, so each character is visited at most twice.
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
