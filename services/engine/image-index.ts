/** Returns the cache key of an image: its content and its prepared size, which determine its embedding. */
export const imageCacheKey = ({ id, width, height }: { id: string, width: number, height: number }) =>
  `${id} ${width}x${height}`

/**
 * The entries of a cache by image id. A cache can contain one image in several sizes; finding them needs no
 * search.
 */
export class ImageIndex<Entry> {
  /** The entries of an id are in the order of their use, the most recent one last. */
  readonly #entries = new Map<string, Set<Entry>>()

  /** Adds an entry, or makes it the most recently used one of its image. */
  use (id: string, entry: Entry): void {
    const entries = this.#entries.get(id) ?? new Set()
    entries.delete(entry)
    entries.add(entry)
    this.#entries.set(id, entries)
  }

  remove (id: string, entry: Entry): void {
    const entries = this.#entries.get(id)
    entries?.delete(entry)
    if (entries?.size === 0) this.#entries.delete(id)
  }

  /** Returns the entries of this image, the most recently used one last. */
  of (id: string): Entry[] {
    return [...this.#entries.get(id) ?? []]
  }
}
