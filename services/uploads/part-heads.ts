import { InvalidMultipartError } from '../../errors/catalogue.ts'
import { BODY_FAULTS } from '../../errors/phrases.ts'
import { NAME_MAX_SHOWN } from '../../schemas/limits.ts'

const LINE_END = '\r\n'
const HEAD_END = '\r\n\r\n'
const BOUNDARY = /;\s*boundary=(?:"([^"]+)"|([^\s;]+))/i
const FORM_DATA = /^content-disposition:[ \t]*form-data[ \t]*(?:;|$)/im
const CHARSET = /^content-type:[^\r\n]*;[ \t]*charset=(?:"([^"\r\n]*)"|([^\s;]+))/im
/** What may follow a delimiter: blanks and the end of the line, or two dashes after the last part. */
const AFTER_DELIMITER = /^(?:[ \t]*\r\n|--)/
const LONGEST_PADDING = 100
/** The parser refuses longer heads itself. */
const HEAD_MAX_BYTES = 80 * 1024

/**
 * Reads the heads of the parts of a form next to the parser. The parser skips a part without
 * `Content-Disposition: form-data` in silence, so the answer would be about fewer images than were sent.
 */
export class PartHeads {
  readonly #delimiter: Buffer
  /** Bytes that are not searched completely. The first delimiter needs no line end before it. */
  #rest: Buffer = Buffer.from(LINE_END)
  /** Whether `#rest` begins behind a delimiter. */
  #inHead = false
  #parts = 0
  readonly #charsets = new Map<number, string>()
  #over = false

  /** @param contentType the header of the request. Without a boundary nothing is checked: the parser refuses it */
  constructor (contentType = '') {
    const [, quoted, plain] = BOUNDARY.exec(contentType) ?? []
    this.#delimiter = Buffer.from(`${LINE_END}--${quoted ?? plain ?? ''}`, 'latin1')
    this.#over = (quoted ?? plain) === undefined
  }

  /** The character set that the head of a part names; the first part is 1. The parser does not report it. */
  charsetOf (part: number): string {
    return this.#charsets.get(part) ?? 'utf-8'
  }

  /** @throws InvalidMultipartError for a part that is not form data */
  push (chunk: Buffer): void {
    if (this.#over) return
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    while (this.#inHead ? this.#readHead() : this.#findDelimiter()) { /* the next one */ }
  }

  /** @returns whether the search continues */
  #findDelimiter (): boolean {
    const at = this.#rest.indexOf(this.#delimiter)
    if (at === -1) {
      this.#rest = this.#rest.subarray(Math.max(0, this.#rest.length - this.#delimiter.length + 1))
      return false
    }
    this.#rest = this.#rest.subarray(at + this.#delimiter.length)
    this.#inHead = true
    return true
  }

  /** @returns whether the search continues */
  #readHead (): boolean {
    const end = this.#rest.indexOf(HEAD_END)
    const head = this.#rest.toString('latin1', 0, end === -1 ? Math.min(this.#rest.length, HEAD_MAX_BYTES) : end + 4)
    const start = AFTER_DELIMITER.exec(head)
    if (start?.[0] === '--' || (end === -1 && this.#rest.length > HEAD_MAX_BYTES)) {
      this.#over = true
      return false
    }
    // The text only begins like a delimiter.
    if (start === null && (end !== -1 || head.length > LONGEST_PADDING)) {
      this.#inHead = false
      return true
    }
    if (end === -1) return false
    this.#parts++
    if (!FORM_DATA.test(head)) throw new InvalidMultipartError(BODY_FAULTS.notFormData(this.#parts))
    const [, quoted, plain] = CHARSET.exec(head) ?? []
    const charset = quoted ?? plain
    if (charset !== undefined) this.#charsets.set(this.#parts, charset.slice(0, NAME_MAX_SHOWN))
    this.#rest = this.#rest.subarray(end)
    this.#inHead = false
    return true
  }
}
