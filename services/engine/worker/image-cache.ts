import type { EncodedImage } from '../../../native/vision.ts'
import { untilAborted } from '../../abort.ts'
import type { EngineImage, KnownImage } from '../engine.ts'
import { imageCacheKey, ImageIndex } from '../image-index.ts'

/** An image in use: its embedding stays in memory until `release`. */
export interface ImageLease {
  encoded: EncodedImage
  /** False when the image was encoded for this lease. */
  cached: boolean
  /** Idempotent. */
  release (): void
}

interface Entry {
  encoded: EncodedImage
  known: KnownImage
  /** Number of unreleased leases. */
  users: number
}

/**
 * The embeddings of images, by content and prepared size. If they exceed `limitBytes`, the least recently used one is
 * evicted first. An embedding with a lease is never freed. Concurrent requests for the same image encode it once.
 */
export class ImageCache {
  readonly limitBytes: number
  /** In the order of use, the most recent one last. */
  #entries = new Map<string, Entry>()
  readonly #index = new ImageIndex<Entry>()
  #encoding = new Map<string, Promise<Entry>>()
  #bytes = 0

  constructor (limitBytes: number) {
    this.limitBytes = limitBytes
  }

  get bytes (): number { return this.#bytes }
  get size (): number { return this.#entries.size }

  /** Returns the image with this id in each size that is cached, the most recently used one last. */
  sizesOf (id: string): KnownImage[] {
    return this.#index.of(id).map(({ known }) => known)
  }

  /** Returns whether the image is cached in exactly this size. */
  has (image: EngineImage): boolean {
    return this.#entries.has(imageCacheKey(image))
  }

  /** Marks an image as used. For images that need no lease because their KV cells were reused. */
  touch (image: EngineImage): void {
    const key = imageCacheKey(image)
    const entry = this.#entries.get(key)
    if (entry) this.#use(key, entry)
  }

  /**
   * Leases an image, which is encoded if necessary.
   * @param encode computes the embedding; not called if it is cached or another request is computing it
   * @throws the error of `encode`; the reason of `signal`
   */
  async lease (image: EngineImage, encode: () => Promise<EncodedImage>, signal: AbortSignal): Promise<ImageLease> {
    const key = imageCacheKey(image)
    const known = this.#entries.get(key)
    if (known) return this.#take(key, known, true)

    // If the request that encodes this image fails or is aborted, the next waiting request encodes it.
    for (let other = this.#encoding.get(key); other; other = this.#encoding.get(key)) {
      await untilAborted(other.catch(() => {}), signal)
      // Look it up again: the request that encoded the image may have released it, so it may be evicted already.
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

  /** Frees every embedding without a lease. */
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
    this.#index.use(entry.known.id, entry)
  }

  #evict (limit: number): void {
    for (const [key, entry] of this.#entries) {
      if (this.#bytes <= limit) return
      if (entry.users > 0) continue
      this.#entries.delete(key)
      this.#index.remove(entry.known.id, entry)
      this.#bytes -= entry.encoded.bytes
      entry.encoded.dispose()
    }
  }
}
