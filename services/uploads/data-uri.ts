import { InvalidFieldError } from '../../errors/catalogue.ts'
import { FIELD_FAULTS } from '../../errors/phrases.ts'

const DATA_URI = /^data:[a-z0-9.+-]*\/?[a-z0-9.+-]*(?:;[a-z0-9.+=-]+)*;base64,/i
/** Maximum characters of the head of a data URI. */
const HEAD_MAX_CHARACTERS = 200

/** Base64 without white space, which nearly all clients send. */
const COMPACT = /^[A-Za-z0-9+/\-_]*={0,2}$/

/** Kinds of characters by their codes. 0: not base64. Both alphabets are accepted, and white space is skipped. */
const DIGIT = 1
const BLANK = 2
const PADDING = 3
const KINDS = new Uint8Array(128)
for (const digit of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_') {
  KINDS[digit.charCodeAt(0)] = DIGIT
}
for (const blank of ' \t\r\n\f\v') KINDS[blank.charCodeAt(0)] = BLANK
KINDS['='.charCodeAt(0)] = PADDING

/**
 * Decodes a `data:…;base64,…` URI. Its media type is ignored, because images are recognised by their bytes.
 * @param field the place that errors name, e.g. `images[0]`
 * @throws InvalidFieldError
 */
export function decodeDataUri (uri: unknown, field: string): Buffer {
  const head = typeof uri === 'string' ? DATA_URI.exec(uri.slice(0, HEAD_MAX_CHARACTERS)) : null
  if (typeof uri !== 'string' || !head) {
    throw new InvalidFieldError(field, FIELD_FAULTS.mustBeDataUri)
  }
  const text = uri.slice(head[0].length)
  const digits = COMPACT.test(text) ? text.length - paddingOf(text) : countDigits(text)
  if (digits === null) throw new InvalidFieldError(field, FIELD_FAULTS.notBase64)
  if (digits % 4 === 1) throw new InvalidFieldError(field, FIELD_FAULTS.truncatedBase64)
  return Buffer.from(text, 'base64')
}

function paddingOf (text: string): number {
  return text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
}

/** Counts the base64 digits in one pass, or returns null if the text contains other characters. */
function countDigits (text: string): number | null {
  let digits = 0
  let padding = 0
  for (let at = 0; at < text.length; at++) {
    const kind = KINDS[text.charCodeAt(at)]
    if (kind === DIGIT && padding === 0) digits++
    else if (kind === PADDING && padding < 2) padding++
    else if (kind !== BLANK) return null
  }
  return digits
}
