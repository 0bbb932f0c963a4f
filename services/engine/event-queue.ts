/**
 * A queue with one reader, which receives the items in order and then the end or an error. Unread items can be
 * merged, so that the queue stays short if the reader is slow.
 */
export class EventQueue<T> implements AsyncIterable<T> {
  readonly #merge: (last: T, next: T) => T | null
  #items: T[] = []
  #ended = false
  /** The error is boxed, because it can be any value, even undefined. */
  #failure: { error: unknown } | null = null
  #wake: (() => void) | null = null

  /** @param merge returns one item for two adjacent items, or null to keep both */
  constructor (merge: (last: T, next: T) => T | null = () => null) {
    this.#merge = merge
  }

  push (item: T): void {
    const last = this.#items.at(-1)
    const merged = last === undefined ? null : this.#merge(last, item)
    if (merged === null) this.#items.push(item)
    else this.#items[this.#items.length - 1] = merged
    this.#wake?.()
  }

  /** Ends the queue after its current items. A later `end` or `fail` has no effect. */
  end (): void {
    this.#finish(null)
  }

  /** Fails the queue after its current items. */
  fail (error: unknown): void {
    this.#finish({ error })
  }

  async * [Symbol.asyncIterator] (): AsyncGenerator<T> {
    while (true) {
      while (this.#items.length > 0) yield this.#items.shift()!
      if (this.#failure !== null) throw this.#failure.error
      if (this.#ended) return
      await new Promise<void>(resolve => { this.#wake = resolve })
      this.#wake = null
    }
  }

  #finish (failure: { error: unknown } | null): void {
    if (this.#ended) return
    this.#ended = true
    this.#failure = failure
    this.#wake?.()
  }
}
