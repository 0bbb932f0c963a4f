/** Milliseconds. */
export interface StageTimings { prefillMs: number, thinkingMs: number, decodeMs: number }

/** Measures the stages of one exchange, by `performance.now()`. */
export class StageClock {
  readonly #sent: number
  // Times of the first delta, the first event and the first token of the answer; 0 until then.
  #firstDelta = 0
  #firstEvent = 0
  #answerBegan = 0

  /** @param sent time at which the request was sent */
  constructor (sent: number) {
    this.#sent = sent
  }

  /** Time of the first event; 0 before it. */
  get firstEvent (): number { return this.#firstEvent }

  /** A delta arrived. */
  noteDelta (): void { this.#firstDelta ||= performance.now() }

  /** A thought or a token was passed on. */
  noteEvent (): void { this.#firstEvent ||= performance.now() }

  /** A token of the answer arrived. */
  noteAnswer (): void { this.#answerBegan ||= performance.now() }

  /**
   * Returns the timings up to now. The time of thoughts ends with the first token of the answer.
   * @param thought the exchange contained thoughts
   */
  timings (thought: boolean): StageTimings {
    const end = performance.now()
    const first = this.#firstDelta || end
    const answerBegan = this.#answerBegan || end
    return thought
      ? { prefillMs: first - this.#sent, thinkingMs: answerBegan - first, decodeMs: end - answerBegan }
      : { prefillMs: first - this.#sent, thinkingMs: 0, decodeMs: end - first }
  }
}
