import { pipeline, Transform, type Readable } from 'node:stream'
import { InvalidFieldError } from '../../errors/catalogue.ts'
import { FIELD_FAULTS } from '../../errors/phrases.ts'

/** Values of `Content-Transfer-Encoding` with which a part contains its bytes as they are. */
const IDENTITY = new Set(['7bit', '8bit', 'binary', ''])
const BASE64 = 'base64'
const BLANKS = /[ \t\r\n]+/g
const DIGITS = /^[A-Za-z0-9+/]*={0,2}$/
const GROUP = 4

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
  const digits = text.replace(BLANKS, '')
  checkBase64(digits, name)
  return Buffer.from(digits, BASE64).toString()
}

function isIdentity (encoding: string, name: string): boolean {
  const known = encoding.trim().toLowerCase()
  if (IDENTITY.has(known)) return true
  if (known !== BASE64) throw new InvalidFieldError(name, FIELD_FAULTS.transferEncoding(known.slice(0, 40)))
  return false
}

function checkBase64 (digits: string, name: string): void {
  if (!DIGITS.test(digits)) throw new InvalidFieldError(name, FIELD_FAULTS.notBase64)
  if (digits.replace(/=+$/, '').length % GROUP === 1) throw new InvalidFieldError(name, FIELD_FAULTS.truncatedBase64)
}

class Base64Stream extends Transform {
  readonly #name: string
  /** Digits of a group of four that is not complete. */
  #rest = ''

  constructor (name: string) {
    super()
    this.#name = name
  }

  override _transform (chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null, data?: Buffer) => void) {
    const digits = this.#rest + chunk.toString('latin1').replace(BLANKS, '')
    const whole = digits.length - digits.length % GROUP
    this.#rest = digits.slice(whole)
    this.#decode(digits.slice(0, whole), done)
  }

  override _flush (done: (error?: Error | null, data?: Buffer) => void): void {
    this.#decode(this.#rest, done)
  }

  #decode (digits: string, done: (error?: Error | null, data?: Buffer) => void): void {
    try {
      // Digits behind the padding, which ends the text.
      if (this.#ended && digits !== '') throw new InvalidFieldError(this.#name, FIELD_FAULTS.notBase64)
      checkBase64(digits, this.#name)
      this.#ended ||= digits.endsWith('=')
      done(null, Buffer.from(digits, BASE64))
    } catch (error) {
      done(error as Error)
    }
  }

  #ended = false
}
