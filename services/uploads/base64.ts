import { InvalidFieldError } from '../../errors/catalogue.ts'
import { FIELD_FAULTS } from '../../errors/phrases.ts'

/** Both alphabets are accepted. */
const DIGITS = /^[A-Za-z0-9+/\-_]*$/
/** A character that is neither a digit, padding, a blank nor a part of a percent-encoded ASCII character. */
const WRONG = /[^A-Za-z0-9+/\-_= \t\r\n\f\v%]|%(?![0-7][0-9a-f])/i
const BLANKS = /[ \t\r\n\f\v]+/g
/** Longest piece of a percent-encoded character that can be cut off. */
const CUT_ESCAPE = /%[0-9a-fA-F]?$/
/** Some encoders pad a text that is padded already. */
const MAX_PADDING = 4
/** Words of clients whose variable is not set. */
const NOT_SET = /^(?:undefined|null|None|NaN|\[object Object\])$/
const MAX_WORD = 16
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
  /** Characters of the pieces so far, white space included. */
  #length = 0
  #start = ''
  #hasBlanks = false

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
    this.#note(text)
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
    if (start !== -1) this.#countPadding(characters.slice(start), text)
    if (isAfterPadding || !DIGITS.test(digits)) throw this.#notBase64(text)
    this.#note(text)
    this.#hasBlanks ||= text.includes(' ')
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
    if (this.#escape !== '') {
      const position = this.#length - this.#escape.length + 1
      throw new InvalidFieldError(this.#field, FIELD_FAULTS.notBase64('%', position))
    }
    if (NOT_SET.test(this.#start)) throw new InvalidFieldError(this.#field, FIELD_FAULTS.notSet(this.#start))
    if (this.#digits.length === 1) {
      const fault = this.#hasBlanks ? FIELD_FAULTS.blanksInBase64 : FIELD_FAULTS.truncatedBase64
      throw new InvalidFieldError(this.#field, fault)
    }
    return Buffer.from(this.#digits, 'base64')
  }

  #countPadding (padding: string, piece: string): void {
    this.#padding += padding.length
    if (this.#padding > MAX_PADDING || /[^=]/.test(padding)) throw this.#notBase64(piece)
  }

  #note (text: string): void {
    if (this.#start.length < MAX_WORD) this.#start += text.slice(0, MAX_WORD - this.#start.length)
    this.#length += text.length
  }

  /** @param piece the last piece, which was not noted */
  #notBase64 (piece: string): Error {
    const at = piece.search(WRONG)
    const character = String.fromCodePoint(piece.codePointAt(Math.max(0, at)) ?? 0)
    if (NOT_SET.test(this.#start + piece)) {
      return new InvalidFieldError(this.#field, FIELD_FAULTS.notSet(this.#start + piece))
    }
    return new InvalidFieldError(this.#field, at === -1
      ? FIELD_FAULTS.afterPadding
      : FIELD_FAULTS.notBase64(character, this.#length + at + 1))
  }
}

/** Decodes percent-encoded ASCII. Others stay as they are and are refused as no base64. */
function decodePercent (text: string): string {
  return text.includes('%')
    ? text.replace(/%([0-7][0-9a-f])/gi, (_, code: string) => String.fromCharCode(parseInt(code, 16)))
    : text
}
