import { addAbortSignal, Writable, type Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { BodyTooLargeError, InvalidJsonError, withDetails } from '../../errors/catalogue.ts'
import { BODY_FAULTS } from '../../errors/phrases.ts'
import { JsonBoundsError } from '../json-bounds.ts'
import { JsonDocument } from '../json/document.ts'
import { JsonFault } from '../json/fault.ts'
import type { Place } from '../json/place.ts'
import { JsonTokens, MORE, PART, QUOTE, SCALAR, TEXT } from '../json/tokens.ts'
import { ImageText } from './image-text.ts'
import type { Upload } from './upload.ts'

export interface JsonBodyOptions {
  upload: Upload
  /** The places at which strings may be images. */
  place: Place
  /** Maximum bytes of the body without its images. */
  maxBytes: number
}

/**
 * Reads a JSON body. Its images are saved while they arrive, and the rest is kept in memory. In the value, a text that
 * `Upload.saveSources` accepts replaces each image.
 * @param source is not destroyed; after an error, the rest is not read
 * @throws InvalidJsonError, InvalidFieldError, BodyTooLargeError, errors of `Upload.save`, the reason of `signal`
 */
export async function readJsonBody (source: Readable, options: JsonBodyOptions, signal: AbortSignal): Promise<unknown> {
  const body = new JsonBody(options)
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => { body.add(chunk).then(() => done(), done) }
  })
  try {
    await finished(source.pipe(addAbortSignal(signal, sink)))
    return body.end()
  } catch (error) {
    await body.cancel()
    signal.throwIfAborted()
    throw toRefusal(error)
  }
}

class JsonBody {
  readonly #options: JsonBodyOptions
  readonly #tokens = new JsonTokens()
  readonly #document: JsonDocument
  #image: ImageText | null = null
  #images = 0
  #bytes = 0

  constructor (options: JsonBodyOptions) {
    this.#options = options
    this.#document = new JsonDocument(this.#tokens, options.place)
  }

  async add (chunk: Buffer): Promise<void> {
    const { maxBytes } = this.#options
    this.#bytes += chunk.length
    this.#tokens.feed(chunk)
    for (let token = this.#tokens.next(); token !== MORE; token = this.#tokens.next()) {
      if (this.#image && (token === PART || token === TEXT)) await this.#addToImage(this.#image, token === TEXT)
      else if (token !== PART) this.#document.add(token)
      if (token === QUOTE) this.#image = this.#expectedImage()
    }
    if (this.#bytes > maxBytes) throw new BodyTooLargeError(maxBytes / 1024 / 1024)
  }

  end (): unknown {
    if (this.#tokens.end() === SCALAR) this.#document.add(SCALAR)
    if (this.#document.isEmpty) throw new InvalidJsonError(BODY_FAULTS.empty)
    return this.#document.end()
  }

  async cancel (): Promise<void> {
    await this.#image?.cancel()
  }

  #expectedImage (): ImageText | null {
    const document = this.#document
    const kind = document.place?.image
    if (kind === undefined) return null
    // Most strings need no name of their place, which can be long.
    const place = { index: this.#images, get field () { return document.field } }
    return new ImageText(this.#options.upload, place, kind === 'base64')
  }

  async #addToImage (image: ImageText, isEnd: boolean): Promise<void> {
    this.#bytes -= await image.take(this.#tokens, isEnd)
    if (!isEnd) return
    const reference = await image.end()
    if (reference === null) this.#document.add(TEXT)
    else this.#document.addValue(reference)
    if (reference !== null) this.#images++
    this.#image = null
  }
}

function toRefusal (error: unknown): unknown {
  if (error instanceof JsonFault) return withDetails(new InvalidJsonError(error.phrase), { position: error.position })
  if (!(error instanceof JsonBoundsError)) return error
  const { fault: { en, zh }, limit } = error
  return withDetails(new InvalidJsonError({ en: `it ${en}`, zh }), { limit })
}
