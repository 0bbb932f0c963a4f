import type { EncodedImage } from '../../../native/vision.ts'
import { untilAborted } from '../../abort.ts'
import type { EngineImage, KnownImage } from '../engine.ts'
import { imageCacheKey, ImageIndex } from '../image-index.ts'

/** An image in use: its embedding stays in memory until `release`. */
export interface ImageLease {
  encoded: EncodedImage
  /** False when the image was encoded for this lease, or early and not used since. */
  cached: boolean
  /** Idempotent. */
  release (): void
}

interface Entry {
  encoded: EncodedImage
  known: KnownImage
  /** Number of unreleased leases. */
  users: number
  /**
   * The requests that encoded this image before their answer, one object each. Emptied by the first lease, which
   * reports the image as not cached.
   */
  early: Set<object>
}

/**
 * The embeddings of images, by content and prepared size. If they exceed `limitBytes`, the least recently used one is
 * evicted first. An embedding with a lease is never freed. Concurrent requests for the same image encode it once.
 * An embedding that was encoded early is kept for its request, and `sizesOf` leaves it out until an answer has used it.
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

  /** Bytes of the embeddings that no answer has used yet and that their requests still need. */
  get earlyBytes (): number {
    let bytes = 0
    for (const { early, encoded } of this.#entries.values()) if (early.size > 0) bytes += encoded.bytes
    return bytes
  }

  /** Returns the image with this id in each size that is cached, the most recently used one last. */
  sizesOf (id: string): KnownImage[] {
    return this.#index.of(id).filter(({ early }) => early.size === 0).map(({ known }) => known)
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

    return await this.#encode(image, encode, entry => this.#take(key, entry, false))
  }

  /**
   * Encodes an image for a request that is still arriving. The embedding stays in memory until the first lease or until
   * `signal` fires. Does nothing if the image is cached or being encoded.
   * @throws the error of `encode`
   */
  async encodeEarly (image: EngineImage, encode: () => Promise<EncodedImage>, signal: AbortSignal): Promise<void> {
    const key = imageCacheKey(image)
    const known = this.#entries.get(key)
    if (known) {
      if (known.early.size > 0) this.#keepEarly(known, signal)
      return
    }
    if (this.#encoding.has(key)) return
    await this.#encode(image, encode, entry => {
      this.#keepEarly(entry, signal)
      this.#add(key, entry)
    })
  }

  /** Frees every embedding that neither a lease nor an early request keeps. */
  clear (): void {
    this.#evict(0)
  }

  /** @param use called before others that wait for this encoding */
  async #encode<T> (
    image: EngineImage, encode: () => Promise<EncodedImage>, use: (entry: Entry) => T
  ): Promise<T> {
    const { id, original, width, height } = image
    const key = imageCacheKey(image)
    const encoding = (async (): Promise<Entry> => {
      const encoded = await encode()
      return { encoded, known: { id, original, width, height, tokens: encoded.tokens }, users: 0, early: new Set() }
    })()
    this.#encoding.set(key, encoding)
    try {
      return use(await encoding)
    } finally {
      this.#encoding.delete(key)
    }
  }

  #keepEarly (entry: Entry, signal: AbortSignal): void {
    if (signal.aborted) return
    const request = {}
    entry.early.add(request)
    signal.addEventListener('abort', () => {
      if (entry.early.delete(request)) this.#evict(this.limitBytes)
    }, { once: true })
  }

  #add (key: string, entry: Entry): void {
    if (!this.#entries.has(key)) this.#bytes += entry.encoded.bytes
    this.#use(key, entry)
    this.#evict(this.limitBytes)
  }

  #take (key: string, entry: Entry, known: boolean): ImageLease {
    const cached = known && entry.early.size === 0
    entry.early.clear()
    entry.users++
    this.#add(key, entry)
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
      if (entry.users > 0 || entry.early.size > 0) continue
      this.#entries.delete(key)
      this.#index.remove(entry.known.id, entry)
      this.#bytes -= entry.encoded.bytes
      entry.encoded.dispose()
    }
  }
}
