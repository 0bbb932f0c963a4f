/** A queue with one reader: what is pushed comes out in order, then the end or an error. */
export class EventQueue<T> implements AsyncIterable<T> {
  #items: T[] = []
  #ended = false
  #error: unknown
  #wake: (() => void) | null = null

  push (item: T): void {
    this.#items.push(item)
    this.#wake?.()
  }

  /** Ends the queue after what is in it; a later `end` or `fail` has no effect. */
  end (): void {
    this.#finish(undefined)
  }

  fail (error: unknown): void {
    this.#finish(error)
  }

  async * [Symbol.asyncIterator] (): AsyncGenerator<T> {
    while (true) {
      yield * this.#items.splice(0)
      if (this.#items.length > 0) continue
      if (this.#error !== undefined) throw this.#error
      if (this.#ended) return
      await new Promise<void>(resolve => { this.#wake = resolve })
      this.#wake = null
    }
  }

  #finish (error: unknown): void {
    if (this.#ended) return
    this.#ended = true
    this.#error = error
    this.#wake?.()
  }
}
