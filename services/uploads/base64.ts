import { InvalidFieldError } from '../../errors/catalogue.ts'
import { FIELD_FAULTS } from '../../errors/phrases.ts'

/** Both alphabets are accepted. */
const DIGITS = /^[A-Za-z0-9+/\-_]*$/
const BLANKS = /[ \t\r\n\f\v]+/g
/** Longest piece of a percent-encoded character that can be cut off. */
const CUT_ESCAPE = /%[0-9a-fA-F]?$/
const MAX_PADDING = 2
const GROUP = 4
const GROUP_BYTES = 3

/**
 * Decodes base64 in pieces that may be cut anywhere. White space is skipped, padding is optional, and characters may be
 * percent-encoded, as in a URL.
 */
export class Base64Decoder {
  readonly #field: string
  /** Digits and a percent-encoded character that are not complete yet. */
  #digits = ''
  #escape = ''
  #padding = 0

  /** @param field the place that errors name, e.g. `images[0]` */
  constructor (field: string) {
    this.#field = field
  }

  /**
   * Decodes a piece that consists of digits alone, which nearly all pieces do.
   * @param text contains one byte per character
   * @returns null if it contains other characters; `push` accepts it then
   */
  pushDigits (text: string): Buffer | null {
    if (this.#padding > 0 || this.#escape !== '') return null
    const all = this.#digits + text
    const whole = all.length - all.length % GROUP
    const bytes = Buffer.from(whole === all.length ? all : all.slice(0, whole), 'base64')
    const rest = all.slice(whole)
    // Node skips other characters, so the result is shorter if there are any.
    if (bytes.length * GROUP !== whole * GROUP_BYTES || !DIGITS.test(rest)) return null
    this.#digits = rest
    return bytes
  }

  /** @throws InvalidFieldError */
  push (text: string): Buffer {
    const all = this.#escape + text
    this.#escape = CUT_ESCAPE.exec(all)?.[0] ?? ''
    const characters = decodePercent(all.slice(0, all.length - this.#escape.length)).replace(BLANKS, '')
    const start = characters.indexOf('=')
    const digits = start === -1 ? characters : characters.slice(0, start)
    const isAfterPadding = this.#padding > 0 && digits !== ''
    if (start !== -1) this.#countPadding(characters.slice(start))
    if (isAfterPadding || !DIGITS.test(digits)) throw this.#notBase64()
    const known = this.#digits + digits
    const whole = known.length - known.length % GROUP
    this.#digits = known.slice(whole)
    return Buffer.from(known.slice(0, whole), 'base64')
  }

  /**
   * Returns the last bytes.
   * @throws InvalidFieldError
   */
  end (): Buffer {
    if (this.#escape !== '') throw this.#notBase64()
    if (this.#digits.length === 1) throw new InvalidFieldError(this.#field, FIELD_FAULTS.truncatedBase64)
    return Buffer.from(this.#digits, 'base64')
  }

  #countPadding (text: string): void {
    this.#padding += text.length
    if (this.#padding > MAX_PADDING || /[^=]/.test(text)) throw this.#notBase64()
  }

  #notBase64 (): Error {
    return new InvalidFieldError(this.#field, FIELD_FAULTS.notBase64)
  }
}

/** Decodes percent-encoded ASCII. Others stay as they are and are refused as no base64. */
function decodePercent (text: string): string {
  return text.includes('%')
    ? text.replace(/%([0-7][0-9a-f])/gi, (_, code: string) => String.fromCharCode(parseInt(code, 16)))
    : text
}
