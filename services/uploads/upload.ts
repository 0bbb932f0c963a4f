import { randomUUID } from 'node:crypto'
import { link, rename } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import {
  FileTooLargeError, InvalidFieldError, TooManyCopiesError, TooManyImagesError, UploadTimeoutError, withDetails
} from '../../errors/catalogue.ts'
import { FIELD_FAULTS } from '../../errors/phrases.ts'
import { SENT_IMAGES_MAX } from '../../schemas/limits.ts'
import type { UploadedFile } from '../chat/request.ts'
import type { UploadStore } from '../upload-store.ts'
import type { Work } from '../work.ts'
import type { ImageFetcher } from './fetch-image.ts'
import type { ImageSource } from './image-source.ts'
import { ImageWriter } from './image-writer.ts'
import { labelOf } from './label.ts'
import { saveFile } from './save-file.ts'

export interface UploadOptions {
  store: UploadStore
  fetcher: ImageFetcher
  /** Maximum number of different images in a request. Equal bytes count once. */
  maxImages: number
  maxFileSizeMb: number
  /** Time from admission until all images are on disk. */
  uploadTimeoutMs: number
  /**
   * Called with each image as soon as it is on disk, while the rest of the body is still arriving. The files are kept
   * until the promise has settled.
   * @param signal fires when the request is over; the same for all images of a request
   */
  onSaved (file: UploadedFile, scope: string, signal: AbortSignal): Promise<void>
}

export interface UploadRequest {
  id: string
  /** Separates the images of different clients. */
  scope: string
}

/** The place of an image in a request. */
export interface ImagePlace {
  /** e.g. `images[1]`; errors name it. */
  field: string
  /** Index that errors report as `image`. */
  index: number
  /** The name that the client gave the file. */
  filename?: string
}

/**
 * The images of one request on their way to disk. They are written to a folder of the request, which is removed with
 * the work. The upload has a separate deadline, from admission to `end`, so that a slow sender cannot keep a slot.
 */
export class Upload {
  /** Saved images of the question, in the order in which they were sent. */
  images: UploadedFile[] = []
  /** Saved images of earlier turns that were sent again. */
  historyImages: UploadedFile[] = []
  /** Milliseconds from admission to the last byte; null while images are still arriving. */
  uploadMs: number | null = null
  readonly #options: UploadOptions
  readonly #work: Work
  readonly #request: UploadRequest
  /** Fires when the request is over. All images of the request share it. */
  readonly #over: AbortSignal
  readonly #timer: NodeJS.Timeout
  /** Images of a JSON body, by the texts that refer to them. */
  readonly #arrived = new Map<string, UploadedFile>()
  /** The first file of each image, by its id. */
  readonly #different = new Map<string, UploadedFile>()
  /** Images with their copies. */
  #count = 0

  constructor (options: UploadOptions, work: Work, request: UploadRequest) {
    this.#options = options
    this.#work = work
    this.#request = request
    this.#over = AbortSignal.any([work.signal, work.ending])
    const { uploadTimeoutMs } = options
    this.#timer = setTimeout(() => work.abort(new UploadTimeoutError(uploadTimeoutMs / 1000)), uploadTimeoutMs)
    // The work has already ended if the client left while its request was waiting for a slot.
    if (work.ending.aborted) this.stop()
    else work.ending.addEventListener('abort', () => this.stop(), { once: true })
  }

  /** Maximum bytes of an image. */
  get maxBytes (): number {
    return Math.floor(this.#options.maxFileSizeMb * 1024 * 1024)
  }

  /**
   * Saves one image and starts its preparation. A copy of an earlier image only gets a file. Calls must not overlap,
   * because only a complete file shows whether it is a copy.
   * @param source destroyed if the image is refused
   * @throws TooManyImagesError, TooManyCopiesError, FileTooLargeError, StorageError, the reason of the work's signal
   */
  async save (source: Readable, place: ImagePlace): Promise<UploadedFile> {
    const { store, maxImages } = this.#options
    const { signal } = this.#work
    signal.throwIfAborted()
    if (this.#count >= SENT_IMAGES_MAX) throw new TooManyCopiesError(SENT_IMAGES_MAX)
    const number = this.#count++
    this.#work.folder ??= await store.open(this.#request.id).catch(error => {
      source.destroy()
      throw error
    })
    const path = this.#work.folder.file(number, 'upload')
    const { field, filename } = place
    const limit = { bytes: this.maxBytes, error: () => this.tooLarge(place) }
    const file = { path, field, label: labelOf(field, filename), ...await saveFile(source, path, signal, limit) }
    const first = this.#different.get(file.id)
    if (first) {
      await shareBytes(first.path, path)
      return file
    }
    if (this.#different.size >= maxImages) throw new TooManyImagesError(maxImages)
    this.#different.set(file.id, file)
    this.#prepare(file)
    return file
  }

  /** Saves an image that arrives in pieces. */
  open (place: ImagePlace): ImageWriter {
    return new ImageWriter(source => this.save(source, place))
  }

  /**
   * Returns a text that refers to an image. It begins like the text that the client sent. Nobody else can make it,
   * because it contains a random id.
   * @param head e.g. `data:image/png;base64,`
   */
  referTo (file: UploadedFile, head: string): string {
    const reference = `${head}{${randomUUID()}}`
    this.#arrived.set(reference, file)
    return reference
  }

  /**
   * Completes the images of a JSON body: looks up those that have arrived, fetches those that are given by URL, and
   * ends the upload.
   * @throws errors of `save`, InvalidFieldError, ImageUrlRefusedError, ImageUrlFailedError
   */
  async saveSources (images: ImageSource[], historyImages: ImageSource[] = []): Promise<void> {
    const sources = [...images, ...historyImages]
    this.#refuseTooMany(sources)
    const files: UploadedFile[] = []
    await this.#work.run(async () => {
      for (const source of sources) files.push(await this.#saveSource(source, files.length))
    })
    this.images = files.slice(0, images.length)
    this.historyImages = files.slice(images.length)
    this.end()
  }

  /** Checks the number of images before any of them is fetched. */
  #refuseTooMany (sources: ImageSource[]): void {
    const { maxImages } = this.#options
    if (sources.length > SENT_IMAGES_MAX) throw new TooManyCopiesError(SENT_IMAGES_MAX)
    const different = new Set(sources.map(({ uri }) => this.#arrived.get(uri)?.id ?? uri))
    if (different.size > maxImages) throw new TooManyImagesError(maxImages)
  }

  async #saveSource ({ field, uri, remote }: ImageSource, index: number): Promise<UploadedFile> {
    const arrived = this.#arrived.get(uri)
    if (arrived) return arrived
    if (!remote || !/^https?:/i.test(uri)) throw new InvalidFieldError(field, FIELD_FAULTS.mustBeDataUri)
    const source = await this.#options.fetcher.open(uri, field, this.#work.signal)
    const file = await this.save(source, { field, index })
    // An image with the same URL is not fetched again.
    this.#arrived.set(uri, file)
    return file
  }

  #prepare (file: UploadedFile): void {
    const prepared = this.#work.run(() => this.#options.onSaved(file, this.#request.scope, this.#over))
    // It is not awaited, because a refused request needs no preparation. It rejects only if the request is over.
    prepared.catch(() => {})
  }

  /** The error for an image of more than `maxBytes`. */
  tooLarge ({ field, index, filename }: ImagePlace): Error {
    const { maxFileSizeMb } = this.#options
    const error = new FileTooLargeError(labelOf(field, filename), maxFileSizeMb)
    return withDetails(error, { field, image: index, limit_mb: maxFileSizeMb })
  }

  /** All images are on disk. */
  end (): void {
    this.stop()
    this.uploadMs = performance.now() - this.#work.startedAt
  }

  /** Stops the deadline. Idempotent. */
  stop (): void {
    clearTimeout(this.#timer)
  }
}

/** Replaces a copy of a file by a link to it. File systems without links keep both. */
async function shareBytes (first: string, copy: string): Promise<void> {
  const linked = `${copy}_link`
  await link(first, linked).then(() => rename(linked, copy), () => {})
}
