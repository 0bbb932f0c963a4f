/** Entries of a cache by the id of their image: one image may be there in several sizes. Finding the latest takes no search. */
export class Recency<Entry> {
  /** In the order of use, the latest last. */
  readonly #entries = new Map<string, Set<Entry>>()

  /** Enters an entry, or notes that it was used again. */
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

  /** The entry of this image that was used last. */
  latest (id: string): Entry | undefined {
    return [...this.#entries.get(id) ?? []].at(-1)
  }

  clear (): void {
    this.#entries.clear()
  }
}
