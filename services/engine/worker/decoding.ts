import type { LlamaModel, Token } from 'node-llama-cpp'
import { NONE_LEFT, type Sampler, type StepItem } from '../../../native/vision.ts'
import type { Decoder } from '../../../native/node-llama-cpp.ts'
import type { Rounds } from './rounds.ts'
import type { Sequence } from './sequence.ts'

/**
 * Why sampling ended: the model ended its turn, the reader of the tokens had enough, or the limit was reached.
 */
export type SamplingEnd = 'turn' | 'reader' | 'limit'

export interface Sampled {
  end: SamplingEnd
  /** Number of sampled tokens that count, without the one that ended the turn. */
  count: number
  /** The last token, which is sampled but not evaluated. */
  last: Token
}

export interface DecodingParts {
  rounds: Rounds<StepItem, number>
  decoder: Pick<Decoder, 'step'>
  model: Pick<LlamaModel, 'isEogToken'>
}

/** Samples the tokens of answers. All running answers advance together, one token per step. */
export class Decoding {
  readonly #parts: DecodingParts

  constructor (parts: DecodingParts) {
    this.#parts = parts
  }

  /**
   * Evaluates several tokens and samples the next one. The caller records them in the sequence.
   * @throws the reason of `signal`; Error of llama.cpp, after which the content of the sequence is unknown
   */
  async sampleAfter (sequence: Sequence, sampler: Sampler, tokens: Token[], signal: AbortSignal): Promise<Token> {
    const { rounds, decoder } = this.#parts
    const item = { sequence: sequence.index, position: sequence.position, tokens, sampler }
    // Not in a step, where llama.cpp would split these rows to match the single rows of other answers.
    const [token] = await rounds.slice(tokens.length, () => decoder.step([item]), signal)
    return token as Token
  }

  /**
   * Samples token after token and records each evaluated one.
   * @param first a token that is sampled but not evaluated
   * @param limit maximum number of tokens that count, including `first`; at least 1
   * @param room maximum number of all tokens
   * @param read receives each token, and decides whether sampling ends and whether the token counts
   * @throws the reason of `signal`; Error of llama.cpp, after which the content of the sequence is unknown
   */
  async sample (
    sequence: Sequence, sampler: Sampler, first: Token, { limit, room = limit }: { limit: number, room?: number },
    signal: AbortSignal, read: (token: Token) => 'counts' | 'hidden' | 'ends'
  ): Promise<Sampled> {
    const member = this.#parts.rounds.join()
    try {
      let last = first
      let hidden = 0
      for (let sampled = 0; sampled < Math.min(limit + hidden, room); sampled++) {
        signal.throwIfAborted()
        if (sampled > 0) {
          const { index, position } = sequence
          const evaluated = last
          last = await member.step({ sequence: index, position, tokens: [evaluated], sampler }) as Token
          sequence.addGenerated(evaluated)
          signal.throwIfAborted()
        }
        if (last === NONE_LEFT) throw new Error('The grammar allows no token of the vocabulary')
        const count = sampled - hidden
        if (this.#parts.model.isEogToken(last)) return { end: 'turn', count, last }
        const verdict = read(last)
        if (verdict === 'ends') return { end: 'reader', count: count + 1, last }
        if (verdict === 'hidden') hidden++
      }
      return { end: 'limit', count: Math.min(limit, room - hidden), last }
    } finally {
      member.leave()
    }
  }
}
