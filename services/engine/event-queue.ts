/**
 * A queue with one reader: what is pushed comes out in order, then the end or an error. While the reader is behind, what it has not taken may
 * be merged, so that the queue stays short and the reader catches up.
 */
export class EventQueue<T> implements AsyncIterable<T> {
  readonly #merge: (last: T, next: T) => T | null
  #items: T[] = []
  #ended = false
  /** Boxed: the error may be anything, also undefined. */
  #failure: { error: unknown } | null = null
  #wake: (() => void) | null = null

  /** @param merge makes one of two neighbours, or null where they stay two */
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

  /** Ends the queue after what is in it; a later `end` or `fail` has no effect. */
  end (): void {
    this.#finish(null)
  }

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
