/**
 * The schedule of one context: one thing is computed at a time. Whoever generates takes a step together with all the others, so that a
 * batch always holds every running answer; pieces of prompt (slices) run between two steps, in the order in which they were asked for.
 * While answers run, a slice is never followed by another slice without a step between them: nobody's answer waits for more
 * than one slice.
 */
export interface Member<Item, Result> {
  /** Takes part in the next step, which begins when every member has asked for it. */
  step (item: Item): Promise<Result>
  /** Ends the membership: the others no longer wait for this one. Idempotent; not while it waits for a step. */
  leave (): void
}

interface Slice { run: () => Promise<unknown>, begun: (outcome: Promise<unknown>) => void }

/** How long a slice may take while others wait for their next token. */
const SLICE_TARGET_MS = 100
const SLICE_MIN_TOKENS = 16
/** While no speed is known yet. */
const FIRST_SLICE_TOKENS = 64
/** Weight of the newest measurement in the moving average of tokens a millisecond. */
const SPEED_WEIGHT = 0.3

export class Rounds<Item, Result> {
  readonly #runStep: (items: Item[]) => Promise<Result[]>
  #members = new Set<Member<Item, Result>>()
  #arrived: Array<{ item: Item, resolve: (result: Result) => void, reject: (error: unknown) => void }> = []
  /** In the order in which they were asked for. */
  #slices = new Set<Slice>()
  #computing = false
  #stepIsDue = false
  #tokensPerMs = 0
  #watchers = new Set<() => void>()
  #wasBusy = false

  /** @param runStep computes a step; a result for each item */
  constructor (runStep: (items: Item[]) => Promise<Result[]>) {
    this.#runStep = runStep
  }

  /** True while anybody generates or evaluates a prompt. */
  get busy (): boolean {
    return this.#members.size > 0 || this.#computing || this.#slices.size > 0
  }

  /**
   * Calls back whenever `busy` has changed.
   * @returns ends it
   */
  watch (onChange: () => void): () => void {
    this.#watchers.add(onChange)
    return () => this.#watchers.delete(onChange)
  }

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
    this.#tell()
    return member
  }

  /**
   * Runs a piece of prompt between two steps and measures its speed. An abort takes a piece that waits out of the
   * queue; one that runs has to notice the signal itself.
   * @param tokens length of the piece
   * @throws the reason of `signal`; whatever `run` throws
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

  /** How many tokens the next slice should have: everything that fits a batch while nobody generates, else about 100 ms of work. */
  sliceLength (batchSize: number): number {
    if (this.#members.size === 0) return batchSize
    if (this.#tokensPerMs === 0) return Math.min(batchSize, FIRST_SLICE_TOKENS)
    return Math.min(batchSize, Math.max(SLICE_MIN_TOKENS, Math.round(this.#tokensPerMs * SLICE_TARGET_MS)))
  }

  #tell (): void {
    if (this.busy === this.#wasBusy) return
    this.#wasBusy = this.busy
    for (const onChange of this.#watchers) onChange()
  }

  #advance (): void {
    this.#tell()
    const everybodyArrived = this.#arrived.length === this.#members.size
    if (this.#computing || !everybodyArrived) return
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
