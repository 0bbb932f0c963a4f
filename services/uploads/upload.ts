import { Readable } from 'node:stream'
import { FileTooLargeError, TooManyImagesError, UploadTimeoutError, withDetails } from '../../errors/catalogue.ts'
import type { UploadedFile } from '../chat/request.ts'
import type { UploadStore } from '../upload-store.ts'
import type { Work } from '../work.ts'
import { decodeDataUri } from './data-uri.ts'
import type { ImageFetcher } from './fetch-image.ts'
import type { ImageSource } from './image-source.ts'
import { labelOf } from './label.ts'
import { saveFile } from './save-file.ts'

export interface UploadOptions {
  store: UploadStore
  fetcher: ImageFetcher
  maxImages: number
  maxFileSizeMb: number
  /** Time from admission until all images are on disk. */
  uploadTimeoutMs: number
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
  readonly #requestId: string
  readonly #timer: NodeJS.Timeout
  #count = 0

  constructor (options: UploadOptions, work: Work, requestId: string) {
    this.#options = options
    this.#work = work
    this.#requestId = requestId
    const { uploadTimeoutMs } = options
    this.#timer = setTimeout(() => work.abort(new UploadTimeoutError(uploadTimeoutMs / 1000)), uploadTimeoutMs)
    // The work has already ended if the client left while its request was waiting for a slot.
    if (work.ending.aborted) this.stop()
    else work.ending.addEventListener('abort', () => this.stop(), { once: true })
  }

  /**
   * Saves one image.
   * @param source destroyed if the image is refused
   * @throws TooManyImagesError, FileTooLargeError, StorageError, the reason of the work's signal
   */
  async save (source: Readable, { field, index, filename }: ImagePlace): Promise<UploadedFile> {
    const { store, maxImages } = this.#options
    if (this.#count >= maxImages) throw new TooManyImagesError(maxImages)
    const number = this.#count++
    this.#work.folder ??= await store.open(this.#requestId).catch(error => {
      source.destroy()
      throw error
    })
    const path = this.#work.folder.file(number, 'upload')
    const label = labelOf(field, filename)
    const limit = { bytes: this.#maxBytes(), error: () => this.#tooLarge(field, index, label) }
    return { path, field, label, ...await saveFile(source, path, this.#work.signal, limit) }
  }

  /**
   * Saves the images of a JSON body, data URIs and URLs, and ends the upload.
   * @throws errors of `save`, InvalidFieldError, ImageUrlRefusedError, ImageUrlFailedError
   */
  async saveSources (images: ImageSource[], historyImages: ImageSource[] = []): Promise<void> {
    const { maxImages } = this.#options
    // Checked before any image is fetched.
    if (images.length + historyImages.length > maxImages) throw new TooManyImagesError(maxImages)
    const files: UploadedFile[] = []
    await this.#work.run(async () => {
      for (const source of [...images, ...historyImages]) files.push(await this.#saveSource(source, files.length))
    })
    this.images = files.slice(0, images.length)
    this.historyImages = files.slice(images.length)
    this.end()
  }

  async #saveSource ({ field, uri, remote }: ImageSource, index: number): Promise<UploadedFile> {
    const source = remote && /^https?:/i.test(uri)
      ? await this.#options.fetcher.open(uri, field, this.#work.signal)
      : this.#decode(uri, field, index)
    return await this.save(source, { field, index })
  }

  #decode (uri: string, field: string, index: number): Readable {
    const bytes = decodeDataUri(uri, field)
    if (bytes.length > this.#maxBytes()) throw this.#tooLarge(field, index)
    return Readable.from([bytes])
  }

  #maxBytes (): number {
    return Math.floor(this.#options.maxFileSizeMb * 1024 * 1024)
  }

  #tooLarge (field: string, image: number, label = field): Error {
    const { maxFileSizeMb } = this.#options
    return withDetails(new FileTooLargeError(label, maxFileSizeMb), { field, image, limit_mb: maxFileSizeMb })
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
