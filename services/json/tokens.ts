import type { Phrase } from '../../errors/language.ts'
import { JSON_FAULTS } from '../../errors/phrases.ts'
import { Carry } from './carry.ts'
import { JsonFault } from './fault.ts'

/** The chunk is used up. */
export const MORE = 0
/** A number, `true`, `false` or `null`. */
export const SCALAR = 1
/** A part of a string that continues in the next chunk. */
export const PART = 2
/** The end of a string. */
export const TEXT = 3
/** The begin of a string. The tokens of punctuation are character codes, too. */
export const QUOTE = 0x22

const LINE_FEED = 0x0A
const BACKSLASH = 0x5C
const LOWER_U = 0x75
const FIRST_PRINTABLE = 0x20
/** `\n` and `\u000a`. */
const SHORT_ESCAPE_BYTES = 2
const UNICODE_ESCAPE_BYTES = 6
const BYTE_ORDER_MARK = [0xEF, 0xBB, 0xBF]
const NOTHING = Buffer.alloc(0)

/** Kinds of bytes outside of strings. All others belong to scalars. */
const BLANK = 1
const PUNCTUATION = 2
const KINDS = new Uint8Array(256)
for (const blank of ' \t\n\r') KINDS[blank.charCodeAt(0)] = BLANK
for (const mark of '{}[],:"') KINDS[mark.charCodeAt(0)] = PUNCTUATION

/** Bytes that end a short escape, and hexadecimal digits. */
const SHORT_ESCAPES = new Set(Buffer.from('"\\/bfnrt'))
const HEX_DIGITS = new Set(Buffer.from('0123456789abcdefABCDEF'))

/** Matches control characters, which JSON strings must escape, and the backslash. */
const ESCAPED = /[^ -[\]-\uFFFF]/

/**
 * Splits JSON into tokens while it arrives. A string begins with `QUOTE`, continues with a `PART` at the end of each
 * chunk, and ends with `TEXT`. `raw` grows from part to part unless the reader drops what it has used.
 *
 * @example
 * tokens.feed(chunk)
 * for (let token = tokens.next(); token !== MORE; token = tokens.next()) use(token)
 */
export class JsonTokens {
  #chunk: Buffer = NOTHING
  /** Bytes of earlier chunks. */
  #before = 0
  /** Bytes of this chunk that are used. */
  #at = 0
  #line = 1
  /** The token that the chunk cut. */
  #unfinished: typeof MORE | typeof SCALAR | typeof TEXT = MORE
  /** The content of the token, if it began in an earlier chunk. Otherwise it is between two indexes of the chunk. */
  #carry = new Carry()
  #from = 0
  #to = 0
  /** Whether the string so far ends in a backslash that escapes the next byte. */
  #isEscaped = false
  /** Bytes of the input before the token, and before the end of `raw`. */
  #tokenStart = 0
  #rawEnd = 0
  /** Bytes of a byte order mark at the begin of the input. */
  #markBytes = 0

  feed (chunk: Buffer): void {
    if (this.#unfinished !== MORE) this.#carry.append(this.#chunk.subarray(this.#from, this.#to))
    this.#from = this.#to = 0
    this.#before += this.#chunk.length
    this.#chunk = chunk
    this.#at = 0
  }

  /** @returns one of the constants above, or the character code of one of `{}[],:` */
  next (): number {
    if (this.#unfinished === TEXT) return this.#readString()
    if (this.#unfinished === SCALAR) return this.#readScalar()
    for (; this.#at < this.#chunk.length; this.#at++) {
      const code = this.#chunk[this.#at]!
      if (KINDS[code] === BLANK || this.#isMark(code)) {
        if (code === LINE_FEED) this.#line++
        continue
      }
      this.#tokenStart = this.#before + this.#at
      if (this.#markBytes % BYTE_ORDER_MARK.length > 0) throw this.fault(JSON_FAULTS.value)
      if (KINDS[code] === PUNCTUATION && code !== QUOTE) {
        this.#at++
        return code
      }
      this.#carry.clear()
      if (code === QUOTE) this.#at++
      this.#from = this.#to = this.#at
      if (code !== QUOTE) return this.#readScalar()
      this.#unfinished = TEXT
      return QUOTE
    }
    return MORE
  }

  /**
   * Ends the input.
   * @returns `SCALAR` if the input ends in one, otherwise `MORE`
   * @throws JsonFault inside a string
   */
  end (): typeof SCALAR | typeof MORE {
    if (this.#unfinished === TEXT) throw this.endFault()
    return this.#unfinished
  }

  /** The content of the token so far, without the quotation marks of a string. It is valid until the next call. */
  get raw (): Buffer {
    return this.#carry.length > 0 ? this.#carry.bytes : this.#chunk.subarray(this.#from, this.#to)
  }

  /** Removes the first bytes of `raw`. */
  drop (count: number): void {
    if (this.#carry.length > 0) this.#carry.drop(count)
    else this.#from += count
  }

  /**
   * Decodes a string, or its first bytes. `wholeLength` bytes end in no half escape.
   * @throws JsonFault
   */
  text (length = this.raw.length): string {
    const text = this.raw.toString('utf8', 0, length)
    if (!ESCAPED.test(text)) return text
    try {
      return JSON.parse(`"${text}"`)
    } catch {
      throw this.textFault()
    }
  }

  /** The number of bytes of `raw` before an escape that the chunk cut. */
  get wholeLength (): number {
    const { raw } = this
    for (let at = raw.indexOf(BACKSLASH), size = 0; at !== -1; at = raw.indexOf(BACKSLASH, at + size)) {
      size = raw[at + 1] === LOWER_U ? UNICODE_ESCAPE_BYTES : SHORT_ESCAPE_BYTES
      if (at + size > raw.length) return at
    }
    return raw.length
  }

  /** @throws JsonFault */
  scalar (): number | boolean | null {
    try {
      return JSON.parse(this.raw.toString('latin1'))
    } catch {
      throw this.fault(JSON_FAULTS.scalar)
    }
  }

  /** The fault at the begin of the token. */
  fault (what: Phrase): JsonFault {
    return new JsonFault(what, this.#tokenStart, this.#line)
  }

  /** The fault that the input ends here. */
  endFault (): JsonFault {
    return new JsonFault(JSON_FAULTS.tooShort, this.#before + this.#chunk.length, this.#line)
  }

  /** The first fault in `raw`, the content of a string. */
  textFault (): JsonFault {
    const { raw } = this
    const start = this.#rawEnd - raw.length
    let at = 0
    while (at < raw.length && raw[at]! >= FIRST_PRINTABLE) {
      const bytes = raw[at] === BACKSLASH ? escapeBytes(raw, at) : 1
      if (bytes === 0) return new JsonFault(JSON_FAULTS.escape, start + at, this.#line)
      at += bytes
    }
    return new JsonFault(JSON_FAULTS.control, start + at, this.#line)
  }

  #readString (): number {
    if (this.#at === this.#chunk.length) return MORE
    const quote = this.#findQuote()
    this.#extendTo(quote === -1 ? this.#chunk.length : quote)
    if (quote === -1) return PART
    this.#at++
    this.#unfinished = MORE
    return TEXT
  }

  /** Returns the index of the quotation mark that ends the string, or -1 if this chunk does not contain it. */
  #findQuote (): number {
    let from = this.#isEscaped ? this.#at + 1 : this.#at
    for (;;) {
      const quote = this.#chunk.indexOf(QUOTE, from)
      const end = quote === -1 ? this.#chunk.length : quote
      let backslashes = 0
      while (end - backslashes > from && this.#chunk[end - backslashes - 1] === BACKSLASH) backslashes++
      this.#isEscaped = backslashes % 2 === 1
      if (quote === -1 || !this.#isEscaped) return quote
      from = quote + 1
    }
  }

  #readScalar (): typeof SCALAR | typeof MORE {
    let end = this.#at
    while (end < this.#chunk.length && KINDS[this.#chunk[end]!] === 0) end++
    this.#extendTo(end)
    this.#unfinished = end === this.#chunk.length ? SCALAR : MORE
    return this.#unfinished === MORE ? SCALAR : MORE
  }

  #extendTo (end: number): void {
    if (this.#carry.length > 0) {
      this.#carry.append(this.#chunk.subarray(this.#at, end))
    } else {
      this.#to = end
    }
    this.#at = end
    this.#rawEnd = this.#before + end
  }

  /** Returns whether the byte belongs to a byte order mark at the begin of the input, which is skipped. */
  #isMark (code: number): boolean {
    const isNext = this.#before + this.#at === this.#markBytes && code === BYTE_ORDER_MARK[this.#markBytes]
    if (isNext) this.#markBytes++
    return isNext
  }
}

/** Returns the length of the escape at an offset, or 0 if it is none. */
function escapeBytes (raw: Buffer, at: number): number {
  if (SHORT_ESCAPES.has(raw[at + 1]!)) return SHORT_ESCAPE_BYTES
  if (raw[at + 1] !== LOWER_U) return 0
  for (let digit = at + SHORT_ESCAPE_BYTES; digit < at + UNICODE_ESCAPE_BYTES; digit++) {
    if (!HEX_DIGITS.has(raw[digit]!)) return 0
  }
  return UNICODE_ESCAPE_BYTES
}
