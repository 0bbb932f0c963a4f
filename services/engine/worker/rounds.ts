/** A running answer in the schedule. */
export interface Member<Item, Result> {
  /** Takes part in the next step, which starts when every member has called `step`. */
  step (item: Item): Promise<Result>
  /** Ends the membership, so that steps no longer wait for it. Idempotent. Must not be called during `step`. */
  leave (): void
}

interface Slice { run: () => Promise<unknown>, begun: (outcome: Promise<unknown>) => void }

/** Duration of a slice while answers wait for their next token. */
const SLICE_TARGET_MS = 100
const SLICE_MIN_TOKENS = 16
/** Length of a slice before the first measurement. */
const FIRST_SLICE_TOKENS = 64
/** Weight of the newest measurement in the moving average of tokens per millisecond. */
const SPEED_WEIGHT = 0.3

/**
 * The schedule of one context, which computes one thing at a time. All running answers generate their next token in
 * one common step, so a batch contains every answer. Slices, which are parts of prompts, run between two steps in the
 * order of their calls. While answers run, a step follows each slice, so an answer never waits for more than one
 * slice.
 */
export class Rounds<Item, Result> {
  readonly #runStep: (items: Item[]) => Promise<Result[]>
  #members = new Set<Member<Item, Result>>()
  #arrived: Array<{ item: Item, resolve: (result: Result) => void, reject: (error: unknown) => void }> = []
  /** In the order of the calls. */
  #slices = new Set<Slice>()
  #computing = false
  #stepIsDue = false
  #tokensPerMs = 0
  #watchers = new Set<() => void>()
  #wasBusy = false

  /** @param runStep computes a step and returns one result per item */
  constructor (runStep: (items: Item[]) => Promise<Result[]>) {
    this.#runStep = runStep
  }

  /** True while an answer runs or a prompt is evaluated. */
  get busy (): boolean {
    return this.#members.size > 0 || this.#computing || this.#slices.size > 0
  }

  /**
   * Calls `onChange` whenever `busy` changes.
   * @returns a function that removes the callback
   */
  watch (onChange: () => void): () => void {
    this.#watchers.add(onChange)
    return () => this.#watchers.delete(onChange)
  }

  /** Adds an answer: from now on, each step waits for it. */
  join (): Member<Item, Result> {
    const member: Member<Item, Result> = {
      step: item => new Promise((resolve, reject) => {
        this.#arrived.push({ item, resolve, reject })
        this.#advance()
      }),
      leave: () => {
        if (this.#members.delete(member)) this.#advance()
      }
    }
    this.#members.add(member)
    this.#notify()
    return member
  }

  /**
   * Runs a part of a prompt between two steps and measures its speed. An abort removes a waiting slice from the queue;
   * a running slice must observe the signal itself.
   * @param tokens length of the slice
   * @throws the reason of `signal`; the error of `run`
   */
  slice<T> (tokens: number, run: () => Promise<T>, signal: AbortSignal): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      signal.throwIfAborted()
      const measured = async () => {
        const started = performance.now()
        const result = await run()
        const speed = tokens / Math.max(performance.now() - started, 0.01)
        this.#tokensPerMs += (speed - this.#tokensPerMs) * (this.#tokensPerMs === 0 ? 1 : SPEED_WEIGHT)
        return result
      }
      const slice: Slice = {
        run: measured,
        begun (outcome) {
          signal.removeEventListener('abort', giveUp)
          ;(outcome as Promise<T>).then(resolve, reject)
        }
      }
      const giveUp = () => {
        this.#slices.delete(slice)
        reject(signal.reason)
        this.#advance()
      }
      signal.addEventListener('abort', giveUp, { once: true })
      this.#slices.add(slice)
      this.#advance()
    })
  }

  /**
   * Returns the length of the next slice in tokens: a whole batch if no answer runs, otherwise about 100 ms of work.
   */
  sliceLength (batchSize: number): number {
    if (this.#members.size === 0) return batchSize
    if (this.#tokensPerMs === 0) return Math.min(batchSize, FIRST_SLICE_TOKENS)
    return Math.min(batchSize, Math.max(SLICE_MIN_TOKENS, Math.round(this.#tokensPerMs * SLICE_TARGET_MS)))
  }

  #notify (): void {
    if (this.busy === this.#wasBusy) return
    this.#wasBusy = this.busy
    for (const onChange of this.#watchers) onChange()
  }

  #advance (): void {
    this.#notify()
    const allArrived = this.#arrived.length === this.#members.size
    if (this.#computing || !allArrived) return
    const stepWaits = this.#arrived.length > 0
    const [slice] = this.#slices
    if (slice !== undefined && !(this.#stepIsDue && stepWaits)) this.#slice(slice)
    else if (stepWaits) this.#step()
  }

  #step (): void {
    const arrived = this.#arrived
    this.#arrived = []
    this.#compute(this.#runStep(arrived.map(({ item }) => item)), false).then(
      results => { for (const [index, { resolve }] of arrived.entries()) resolve(results[index]!) },
      error => { for (const { reject } of arrived) reject(error) })
  }

  #slice (slice: Slice): void {
    this.#slices.delete(slice)
    slice.begun(this.#compute(slice.run(), true))
  }

  #compute<T> (work: Promise<T>, stepIsDue: boolean): Promise<T> {
    this.#computing = true
    return work.finally(() => {
      this.#computing = false
      this.#stepIsDue = stepIsDue
      this.#advance()
    })
  }
}
