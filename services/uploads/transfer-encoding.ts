import { pipeline, Transform, type Readable, type TransformCallback } from 'node:stream'
import { InvalidFieldError } from '../../errors/catalogue.ts'
import { FIELD_FAULTS } from '../../errors/phrases.ts'
import { Base64Decoder } from './base64.ts'

/** Values of `Content-Transfer-Encoding` with which a part contains its bytes as they are. */
const IDENTITY = new Set(['7bit', '8bit', 'binary', ''])
const BASE64 = 'base64'

/**
 * Decodes a part of a form by its `Content-Transfer-Encoding`. Browsers do not send this header, but libraries for
 * e-mail do, e.g. Python's `email` and aiohttp.
 * @param name the name of the part, for errors
 * @returns the stream itself if its bytes need no decoding
 * @throws InvalidFieldError for an encoding other than base64
 */
export function decodeStream (part: Readable, encoding: string, name: string): Readable {
  if (isIdentity(encoding, name)) return part
  const decoder = new Base64Stream(name)
  // An error destroys both streams. The reader of the decoder receives it.
  pipeline(part, decoder, () => {})
  return decoder
}

/**
 * Decodes the text of a part, see `decodeStream`.
 * @throws InvalidFieldError
 */
export function decodeText (text: string, encoding: string, name: string): string {
  if (isIdentity(encoding, name)) return text
  const decoder = new Base64Decoder(name)
  return Buffer.concat([decoder.push(text), decoder.end()]).toString()
}

function isIdentity (encoding: string, name: string): boolean {
  const known = encoding.trim().toLowerCase()
  if (IDENTITY.has(known)) return true
  if (known !== BASE64) throw new InvalidFieldError(name, FIELD_FAULTS.transferEncoding(known.slice(0, 40)))
  return false
}

class Base64Stream extends Transform {
  readonly #decoder: Base64Decoder

  constructor (name: string) {
    super()
    this.#decoder = new Base64Decoder(name)
  }

  override _transform (chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    answer(() => this.#decoder.push(chunk.toString('latin1')), done)
  }

  override _flush (done: TransformCallback): void {
    answer(() => this.#decoder.end(), done)
  }
}

function answer (decode: () => Buffer, done: TransformCallback): void {
  let bytes: Buffer
  try {
    bytes = decode()
  } catch (error) {
    done(error as Error)
    return
  }
  done(null, bytes)
}
