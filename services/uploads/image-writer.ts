import { PassThrough, type Readable } from 'node:stream'
import type { UploadedFile } from '../chat/request.ts'

/** Saves an image whose bytes arrive in pieces. */
export class ImageWriter {
  readonly #source = new PassThrough()
  readonly #saved: Promise<UploadedFile>

  constructor (save: (source: Readable) => Promise<UploadedFile>) {
    this.#saved = save(this.#source)
    // The next call of `write` or `end` reports the error.
    this.#saved.catch(() => this.#source.destroy())
  }

  /**
   * Waits until there is room for the next piece.
   * @throws errors of `save`
   */
  async write (bytes: Buffer): Promise<void> {
    await new Promise<void>(resolve => this.#source.write(bytes, () => resolve()))
    if (this.#source.destroyed) await this.#saved
  }

  /** @throws errors of `save` */
  async end (): Promise<UploadedFile> {
    this.#source.end()
    return await this.#saved
  }

  /** Gives up an image that is not complete, and waits until its file is closed. Never rejects. */
  async cancel (): Promise<void> {
    this.#source.destroy()
    await this.#saved.catch(() => {})
  }
}
