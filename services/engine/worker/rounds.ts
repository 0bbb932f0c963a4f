/**
 * The schedule of one context. Whoever generates takes a step together with all the others, so that a batch always holds every
 * running answer; pieces of prompt (slices) run between two steps, one at a time, in the order in which they were asked for.
 * While answers run, a slice is never followed by another slice without a step between them: nobody's answer waits for more
 * than one slice.
 *
 * Without it node-llama-cpp decodes as soon as one sequence has sampled, its batches fall apart, and it can hold the context's
 * lock for as long as anybody generates.
 */
export interface Member {
  /** Waits until the next step begins; every member is let go at the same moment. */
  step (): Promise<void>
  /** Ends the membership: the others no longer wait for this one. Idempotent. */
  leave (): void
}

interface Slice { run: () => Promise<unknown>, settle: (outcome: Promise<unknown>) => void }

/** How long a slice may take while others wait for their next token. */
const SLICE_TARGET_MS = 100
const SLICE_MIN_TOKENS = 16
/** While no speed is known yet. */
const FIRST_SLICE_TOKENS = 64
/** Weight of the newest measurement in the moving average of tokens a millisecond. */
const SPEED_WEIGHT = 0.3

export class Rounds {
  #members = new Set<Member>()
  #arrived = new Map<Member, () => void>()
  #slices: Slice[] = []
  #slicing = false
  #stepIsDue = false
  #tokensPerMs = 0
  #watchers = new Set<() => void>()
  #wasBusy = false

  /** True while anybody generates or evaluates a prompt. */
  get busy (): boolean {
    return this.#members.size > 0 || this.#slicing || this.#slices.length > 0
  }

  /**
   * Calls back whenever `busy` has changed.
   * @returns ends it
   */
  watch (onChange: () => void): () => void {
    this.#watchers.add(onChange)
    return () => this.#watchers.delete(onChange)
  }

  join (): Member {
    const member: Member = {
      step: () => new Promise(resolve => {
        this.#arrived.set(member, resolve)
        this.#advance()
      }),
      leave: () => {
        if (!this.#members.delete(member)) return
        this.#arrived.get(member)?.()
        this.#arrived.delete(member)
        this.#advance()
      }
    }
    this.#members.add(member)
    this.#tell()
    return member
  }

  /**
   * Runs a piece of prompt between two steps and measures its speed.
   * @param tokens length of the piece
   */
  slice<T> (tokens: number, run: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const measured = async () => {
        const started = performance.now()
        const result = await run()
        const speed = tokens / Math.max(performance.now() - started, 0.01)
        this.#tokensPerMs += (speed - this.#tokensPerMs) * (this.#tokensPerMs === 0 ? 1 : SPEED_WEIGHT)
        return result
      }
      this.#slices.push({ run: measured, settle: outcome => { (outcome as Promise<T>).then(resolve, reject) } })
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
    const everybodyArrived = this.#arrived.size === this.#members.size
    if (this.#slicing || !everybodyArrived) return
    if (this.#slices.length > 0 && !(this.#stepIsDue && this.#arrived.size > 0)) return this.#runSlice(this.#slices.shift()!)
    if (this.#arrived.size === 0) return
    this.#stepIsDue = false
    const letGo = [...this.#arrived.values()]
    this.#arrived.clear()
    for (const go of letGo) go()
  }

  #runSlice ({ run, settle }: Slice): void {
    this.#slicing = true
    const outcome = run()
    settle(outcome)
    const after = () => {
      this.#slicing = false
      this.#stepIsDue = true
      this.#advance()
    }
    outcome.then(after, after)
  }
}
