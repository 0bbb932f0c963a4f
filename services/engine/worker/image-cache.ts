import type { EncodedImage } from '../../../native/vision.ts'
import { untilAborted } from '../../abort.ts'
import type { EngineImage, KnownImage } from '../engine.ts'
import { Recency } from '../recency.ts'

/** An image in use: its embedding stays in memory until `release`. */
export interface ImageLease {
  encoded: EncodedImage
  /** False when this request had it encoded. */
  cached: boolean
  release (): void
}

interface Entry {
  encoded: EncodedImage
  known: KnownImage
  users: number
}

/** Names what the projector makes of an image: its content in one size. */
export const keyOf = ({ id, width, height }: { id: string, width: number, height: number }) =>
  `${id} ${width}x${height}`

/**
 * Embeddings by the hash of the image's bytes and the size as prepared, the least recently used going first once all of them
 * take more than `limitBytes`. One in use is never freed. Requests for the same image at the same time encode it once.
 */
export class ImageCache {
  readonly limitBytes: number
  /** In the order of use, the latest last. */
  #entries = new Map<string, Entry>()
  readonly #recency = new Recency<Entry>()
  #encoding = new Map<string, Promise<Entry>>()
  #bytes = 0

  constructor (limitBytes: number) {
    this.limitBytes = limitBytes
  }

  get bytes (): number { return this.#bytes }
  get size (): number { return this.#entries.size }

  /** The image with this id that was used last, in whatever size. */
  find (id: string): KnownImage | undefined {
    return this.#recency.latest(id)?.known
  }

  /** Whether this image is there in just this size. */
  has (image: EngineImage): boolean {
    return this.#entries.has(keyOf(image))
  }

  /** Counts as a use: its conversation goes on, from a slot that holds the image. */
  touch (image: EngineImage): void {
    const key = keyOf(image)
    const entry = this.#entries.get(key)
    if (entry) this.#use(key, entry)
  }

  /**
   * @param encode makes the embedding; not called when it is there already or being made by another request
   * @throws whatever `encode` throws; the reason of `signal`
   */
  async lease (image: EngineImage, encode: () => Promise<EncodedImage>, signal: AbortSignal): Promise<ImageLease> {
    const key = keyOf(image)
    const known = this.#entries.get(key)
    if (known) return this.#take(key, known, true)

    // When another request gives up on the same image, it is this one's turn to encode it.
    for (let other = this.#encoding.get(key); other; other = this.#encoding.get(key)) {
      await untilAborted(other.catch(() => {}), signal)
      // Not the entry that was made: its first user may have let go of it by now, and it may be freed.
      const entry = this.#entries.get(key)
      if (entry) return this.#take(key, entry, true)
    }

    const encoding = this.#encode(image, encode)
    this.#encoding.set(key, encoding)
    try {
      return this.#take(key, await encoding, false)
    } finally {
      this.#encoding.delete(key)
    }
  }

  /** Frees what nobody uses. */
  clear (): void {
    this.#evict(0)
  }

  async #encode (image: EngineImage, encode: () => Promise<EncodedImage>): Promise<Entry> {
    const encoded = await encode()
    const { id, original, width, height } = image
    return { encoded, known: { id, original, width, height, tokens: encoded.tokens }, users: 0 }
  }

  #take (key: string, entry: Entry, cached: boolean): ImageLease {
    if (!this.#entries.has(key)) this.#bytes += entry.encoded.bytes
    this.#use(key, entry)
    entry.users++
    this.#evict(this.limitBytes)
    let released = false
    return {
      encoded: entry.encoded,
      cached,
      release: () => {
        if (released) return
        released = true
        entry.users--
        this.#evict(this.limitBytes)
      }
    }
  }

  #use (key: string, entry: Entry): void {
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    this.#recency.use(entry.known.id, entry)
  }

  #evict (limit: number): void {
    for (const [key, entry] of this.#entries) {
      if (this.#bytes <= limit) return
      if (entry.users > 0) continue
      this.#entries.delete(key)
      this.#recency.remove(entry.known.id, entry)
      this.#bytes -= entry.encoded.bytes
      entry.encoded.dispose()
    }
  }
}
