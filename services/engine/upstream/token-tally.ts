import { estimateTokens } from './estimate.ts'

/** `estimateTokens` returns at most about this multiple of the true number. */
const LARGEST_OVERESTIMATE = 3

interface Count { deltas: number, estimate: number, reported: number }

/**
 * Counts the tokens of thoughts and answer while they stream. The counts are exact if the upstream reports its tokens
 * in each chunk. Otherwise they are lower bounds, so that a limit never applies before the upstream's own: a delta is
 * at least one token, and an estimate is divided by the largest overestimate. If a delta has several tokens, which
 * speculative decoding causes, English text counts as about half of its tokens.
 */
export class TokenTally {
  readonly #counts: Record<'thoughts' | 'answer', Count> = {
    thoughts: { deltas: 0, estimate: 0, reported: 0 }, answer: { deltas: 0, estimate: 0, reported: 0 }
  }

  #total = 0
  #exact = true

  /** True while the upstream reports its tokens in each chunk. */
  get exact (): boolean { return this.#exact }

  get thoughts (): number { return this.#count(this.#counts.thoughts) }
  get answer (): number { return this.#count(this.#counts.answer) }

  /** @param total the tokens so far, if the upstream reports them in each chunk */
  add (part: 'thoughts' | 'answer', text: string, total: number | undefined): void {
    const count = this.#counts[part]
    count.deltas++
    count.estimate += estimateTokens(text)
    this.#exact &&= total !== undefined
    count.reported += Math.max(0, (total ?? 0) - this.#total)
    this.#total = total ?? 0
  }

  #count ({ deltas, estimate, reported }: Count): number {
    return this.#exact ? reported : Math.max(deltas, Math.floor(estimate / LARGEST_OVERESTIMATE))
  }
}
