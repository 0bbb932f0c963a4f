import sharp from '../../images/sharp.ts'
import type { EngineImage, KnownImage } from '../engine.ts'
import { Recency } from '../recency.ts'

/** A prepared image as it is sent: a file of a kind that every server reads. */
export interface PreparedImage {
  type: 'image/png'
  bytes: Buffer
}

interface Entry extends PreparedImage { known: KnownImage }

/** Names an image's content in one size. */
export const keyOf = ({ id, width, height }: Pick<EngineImage, 'id' | 'width' | 'height'>) => `${id} ${width}x${height}`

/**
 * Images as they were sent upstream, by the hash of their bytes and their size, so that a conversation may go on by naming them: nobody else
 * keeps them for us. The least recently used goes first once all of them take more than `limitBytes`.
 */
export class PreparedImages {
  readonly limitBytes: number
  readonly #tokensOf: (size: { width: number, height: number }) => number
  /** In the order of use, the latest last. */
  #entries = new Map<string, Entry>()
  readonly #recency = new Recency<Entry>()
  #bytes = 0

  constructor (limitBytes: number, tokensOf: (size: { width: number, height: number }) => number) {
    this.limitBytes = limitBytes
    this.#tokensOf = tokensOf
  }

  get bytes (): number { return this.#bytes }
  get size (): number { return this.#entries.size }

  /** The image with this id that was used last, in whatever size. */
  find (id: string): KnownImage | undefined {
    return this.#recency.latest(id)?.known
  }

  /** Counts as a use. */
  get (image: EngineImage): PreparedImage | undefined {
    const key = keyOf(image)
    const entry = this.#entries.get(key)
    if (entry) this.#use(key, entry)
    return entry
  }

  put (image: EngineImage, { type, bytes }: PreparedImage): void {
    const key = keyOf(image)
    const { id, original, width, height } = image
    this.#remove(key)
    this.#use(key, { type, bytes, known: { id, original, width, height, tokens: this.#tokensOf(image) } })
    this.#bytes += bytes.length
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.limitBytes) return
      this.#remove(oldest)
    }
  }

  clear (): void {
    this.#entries.clear()
    this.#recency.clear()
    this.#bytes = 0
  }

  #use (key: string, entry: Entry): void {
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    this.#recency.use(entry.known.id, entry)
  }

  #remove (key: string): void {
    const entry = this.#entries.get(key)
    if (!entry) return
    this.#entries.delete(key)
    this.#recency.remove(entry.known.id, entry)
    this.#bytes -= entry.bytes.length
  }
}

/**
 * Reads a prepared image for the way: the same pixels as a compressed PNG, which every server reads. What else its file holds (where a photograph was
 * taken) stays here.
 */
export async function readPrepared (path: string): Promise<PreparedImage> {
  return {
    type: 'image/png', bytes: await sharp(path).png({ compressionLevel: 6, adaptiveFiltering: true }).toBuffer()
  }
}
