import { LRUCache } from 'lru-cache'
import sharp from '../../images/sharp.ts'
import type { EngineImage, KnownImage } from '../engine.ts'
import { imageCacheKey, ImageIndex } from '../image-index.ts'

/** A prepared image as an upstream gets it: a file in a format that every server reads. */
export interface UpstreamImage {
  type: 'image/png'
  bytes: Buffer
}

interface Entry extends UpstreamImage { known: KnownImage }

/**
 * The images that were sent to upstreams, by content and prepared size. Upstreams do not keep them, so a conversation
 * can name its earlier images only while they are here. If they exceed `limitBytes`, the least recently used one is
 * evicted first.
 */
export class PreparedImages {
  readonly limitBytes: number
  readonly #tokensOf: (size: { width: number, height: number }) => number
  readonly #entries: LRUCache<string, Entry>
  readonly #index = new ImageIndex<Entry>()

  constructor (limitBytes: number, tokensOf: (size: { width: number, height: number }) => number) {
    this.limitBytes = limitBytes
    this.#tokensOf = tokensOf
    this.#entries = new LRUCache({
      // LRUCache treats 0 as no limit; `put` rejects images that exceed the limit.
      maxSize: Math.max(1, limitBytes),
      sizeCalculation: ({ bytes }) => bytes.length,
      dispose: entry => this.#index.remove(entry.known.id, entry)
    })
  }

  get bytes (): number { return this.#entries.calculatedSize }
  get size (): number { return this.#entries.size }

  /** Returns the image with this id in each cached size, the most recently used one last. This is not a use. */
  sizesOf (id: string): KnownImage[] {
    return this.#index.of(id).map(({ known }) => known)
  }

  /** Returns an image in exactly this size. Counts as a use. */
  get (image: EngineImage): UpstreamImage | undefined {
    const entry = this.#entries.get(imageCacheKey(image))
    if (entry) this.#index.use(image.id, entry)
    return entry
  }

  /** Adds an image, or replaces it. An image that alone exceeds the limit evicts all others and is not kept either. */
  put (image: EngineImage, { type, bytes }: UpstreamImage): void {
    if (bytes.length > this.limitBytes) return this.clear()
    const { id, original, width, height } = image
    const entry = { type, bytes, known: { id, original, width, height, tokens: this.#tokensOf(image) } }
    this.#entries.set(imageCacheKey(image), entry)
    this.#index.use(id, entry)
  }

  clear (): void {
    this.#entries.clear()
  }
}

/**
 * Converts a prepared image for an upstream: the same pixels as a compressed PNG. Metadata of the file, for example the
 * place of a photo, is removed.
 */
export async function readPrepared (path: string): Promise<UpstreamImage> {
  return {
    type: 'image/png', bytes: await sharp(path).png({ compressionLevel: 6, adaptiveFiltering: true }).toBuffer()
  }
}
