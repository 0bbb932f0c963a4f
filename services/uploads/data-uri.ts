import { InvalidFieldError } from '../../errors.ts'

const DATA_URI = /^data:[a-z0-9.+-]*\/?[a-z0-9.+-]*(?:;[a-z0-9.+=-]+)*;base64,/i
const BASE64 = /^[A-Za-z0-9+/\-_]*={0,2}$/

/**
 * The bytes of a `data:…;base64,…` URI. The media type it claims is not looked at: pictures are known by their bytes.
 * @param field how the error names the place, e.g. `images[0]`
 * @throws InvalidFieldError
 */
export function decodeDataUri (uri: unknown, field: string): Buffer {
  const head = typeof uri === 'string' ? DATA_URI.exec(uri.slice(0, 200)) : null
  if (typeof uri !== 'string' || !head) throw new InvalidFieldError(field, 'must be a data URI with base64 (data:image/png;base64,…)')
  const text = uri.slice(head[0].length).replace(/\s+/g, '')
  if (!BASE64.test(text)) throw new InvalidFieldError(field, 'has characters that are not base64')
  if (text.replace(/=+$/, '').length % 4 === 1) throw new InvalidFieldError(field, 'is cut off: base64 never has this length')
  return Buffer.from(text, 'base64')
}
