import type { JsonTokens } from '../json/tokens.ts'
import { Base64Decoder } from './base64.ts'
import type { ImageWriter } from './image-writer.ts'
import type { ImagePlace, Upload } from './upload.ts'

const DATA_URI = /^\s*data:[^,]*;base64,/i
/** Maximum characters of the head of a data URI. */
export const HEAD_MAX_CHARACTERS = 1_000
/** A text without such a head is base64 if it begins with this many digits. The smallest images have more. */
const BARE_BASE64 = /^(?:[A-Za-z0-9+/_-][\r\n]*){48}/
/** Pieces are collected up to this size. It has room for a head of escapes, so the first piece contains the head. */
const PIECE_BYTES = 8192
/** Base64 with blanks and escapes may take this many times the bytes of the image. */
export const MAX_LENGTH_FACTOR = 4

/**
 * A string of a JSON body at the place of an image, while it arrives. If it begins as a data URI in base64, or as
 * base64 alone, it is decoded and written at once. Otherwise it is text.
 */
export class ImageText {
  readonly #upload: Upload
  readonly #place: ImagePlace
  readonly #isBareAccepted: boolean
  #decoder: Base64Decoder | null = null
  #writer: ImageWriter | null = null
  #isText = false
  #head = ''
  #length = 0

  /** @param isBareAccepted whether base64 without the head of a data URI is an image, too */
  constructor (upload: Upload, place: ImagePlace, isBareAccepted: boolean) {
    this.#upload = upload
    this.#place = place
    this.#isBareAccepted = isBareAccepted
  }

  /**
   * Takes what has arrived of the string, unless it is text.
   * @param isEnd whether the string is complete
   * @returns the number of bytes that were dropped from `tokens.raw`
   * @throws JsonFault, InvalidFieldError, errors of `Upload.save`
   */
  async take (tokens: JsonTokens, isEnd: boolean): Promise<number> {
    if (this.#isText || (!isEnd && tokens.raw.length < PIECE_BYTES)) return 0
    const length = isEnd ? tokens.raw.length : tokens.wholeLength
    const bytes = this.#decoder?.pushDigits(tokens.raw.toString('latin1', 0, length))
    if (bytes) {
      await this.#writer!.write(bytes)
    } else {
      const text = tokens.text(length)
      const start = this.#writer ? 0 : this.#begin(text)
      if (!this.#writer) return 0
      await this.#writer.write(this.#decoder!.push(text.slice(start)))
    }
    tokens.drop(length)
    this.#length += length
    if (this.#length > HEAD_MAX_CHARACTERS + MAX_LENGTH_FACTOR * this.#upload.maxBytes) {
      throw this.#upload.tooLarge(this.#place)
    }
    return length
  }

  /**
   * Ends an image.
   * @returns a text that stands for the image in `Upload.saveSources`; null if the string is text
   * @throws InvalidFieldError, errors of `Upload.save`
   */
  async end (): Promise<string | null> {
    if (!this.#writer) return null
    await this.#writer.write(this.#decoder!.end())
    return this.#upload.referTo(await this.#writer.end(), this.#head)
  }

  /** Gives up an image that is not complete. Never rejects. */
  async cancel (): Promise<void> {
    await this.#writer?.cancel()
  }

  /** Decides whether the string is an image, and returns the length of its head. */
  #begin (text: string): number {
    const head = DATA_URI.exec(text.slice(0, HEAD_MAX_CHARACTERS))?.[0] ?? ''
    this.#isText = head === '' && !(this.#isBareAccepted && BARE_BASE64.test(text))
    if (this.#isText) return 0
    this.#head = head
    this.#decoder = new Base64Decoder(this.#place.field)
    this.#writer = this.#upload.open(this.#place)
    return head.length
  }
}
