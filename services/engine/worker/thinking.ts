import type { Token } from 'node-llama-cpp'
import type { Sampler } from '../../../native/vision.ts'
import type { Decoding } from './decoding.ts'
import { closingOf, closingTokens, type ThoughtSyntax } from './prompt/thought-syntax.ts'
import type { Sequence } from './sequence.ts'
import { createTextStream, trimmed } from './text-stream.ts'

/** The thoughts of an answer. */
export interface ThoughtPlan {
  /** The prompt ends with the beginning of thoughts. */
  thinks: boolean
  /** Maximum number of thought tokens. */
  budget: number
  /** The tokens that end thoughts; none if the answer does not begin with thoughts. */
  closing: Token[]
}

export interface Begun {
  /** The first token of the answer, which is sampled but not evaluated. */
  first: Token
  /** Number of thought tokens. */
  thinkingTokens: number
  /** KV cells of the thoughts, in addition to `ThoughtPlan.closing`. */
  cells: number
  /**
   * A token that is not text of the answer. A model whose thoughts were cut off may go on with them and write the
   * closing tag a second time. Null for none.
   */
  hidden: Token | null
}

export interface AnswerStart {
  sequence: Sequence
  /** The end of the prompt. */
  tail: Token[]
  plan: ThoughtPlan
  /** Sampler of the answer, which may follow a grammar. */
  sampler: Sampler
  thoughtSampler: Sampler
  /** KV cells for thoughts and answer. */
  room: number
}

export interface ThinkingParts {
  decoding: Pick<Decoding, 'sample' | 'sampleAfter'>
  /** Null if the vocabulary has no tokens for thoughts. */
  syntax: ThoughtSyntax | null
  detokenize (tokens: number[]): string
}

/**
 * Runs the thoughts at the beginning of answers. The tokens behind the thoughts are always those of the template,
 * whoever ends the thoughts: the model, or the budget. A grammar therefore never sees them.
 */
export class Thinking {
  readonly #parts: ThinkingParts

  constructor (parts: ThinkingParts) {
    this.#parts = parts
  }

  /**
   * Plans the thoughts of an answer. They leave room for the answer: for `maxTokens`, or half of what is free.
   * @param wanted maximum number of thought tokens; 0 for no thoughts
   * @param free KV cells behind the prompt
   */
  plan (wanted: number, maxTokens: number, free: number): ThoughtPlan {
    const closing = closingOf(this.#parts.syntax, wanted > 0)
    if (closing.length === 0) return { thinks: false, budget: 0, closing }
    const room = Math.max(0, free - closing.length)
    return { thinks: true, budget: Math.min(wanted, room - Math.min(maxTokens, Math.ceil(room / 2))), closing }
  }

  /**
   * Evaluates the end of the prompt, generates the thoughts, and samples the first token of the answer.
   * @param onText receives the text of the thoughts, without white space at both ends
   * @throws the reason of `signal`; Error of llama.cpp, after which the content of the sequence is unknown
   */
  async begin (start: AnswerStart, signal: AbortSignal, onText: (text: string) => void): Promise<Begun> {
    const { plan: { thinks, budget, closing }, tail } = start
    if (!thinks) return await this.#withoutThoughts(start, signal)
    if (budget === 0) {
      const first = await this.#sampleAnswer(start, tail, closing, signal)
      return { first, thinkingTokens: 0, cells: 0, hidden: this.#parts.syntax!.closeTag }
    }
    return await this.#think(start, this.#parts.syntax!, signal, onText)
  }

  async #think (
    { sequence, tail, plan: { budget, closing }, thoughtSampler, sampler }: AnswerStart,
    { closeTag, afterClose }: ThoughtSyntax, signal: AbortSignal, onText: (text: string) => void
  ): Promise<Begun> {
    const { decoding, detokenize } = this.#parts
    const text = trimmed(createTextStream(detokenize, []))
    const firstThought = await decoding.sampleAfter(sequence, thoughtSampler, tail, signal)
    sequence.addPrompt(tail)
    const { end, count, last } =
      await decoding.sample(sequence, thoughtSampler, firstThought, budget, signal, token => {
        if (token === closeTag) return true
        onText(text.push(token))
        return false
      })
    onText(text.end())
    // A model that ends its turn within its thoughts has still to answer.
    const rest = end === 'reader' ? [closeTag, ...afterClose] : end === 'limit' ? [last, ...closing] : closing
    const first = await this.#sampleAnswer({ sequence, sampler }, [], rest, signal)
    const thinkingTokens = end === 'reader' ? count - 1 : count
    return { first, thinkingTokens, cells: thinkingTokens, hidden: end === 'reader' ? null : closeTag }
  }

  /**
   * Ends thoughts that a model begins although it should not, before they contain anything: the opening tag as the
   * first token of an answer.
   */
  async #withoutThoughts (start: AnswerStart, signal: AbortSignal): Promise<Begun> {
    const { syntax } = this.#parts
    const first = await this.#sampleAnswer(start, start.tail, [], signal)
    const plain = { first, thinkingTokens: 0, cells: 0, hidden: null }
    if (syntax === null || first !== syntax.openTag) return plain
    const empty = [syntax.openTag, ...closingTokens(syntax)]
    if (start.room <= empty.length) return plain
    const answer = await this.#sampleAnswer(start, [], empty, signal)
    return { first: answer, thinkingTokens: 0, cells: empty.length, hidden: syntax.closeTag }
  }

  /** Evaluates the end of the prompt and tokens of the answer, and samples the next token. */
  async #sampleAnswer (
    { sequence, sampler }: Pick<AnswerStart, 'sequence' | 'sampler'>, prompt: Token[], generated: Token[],
    signal: AbortSignal
  ): Promise<Token> {
    const first = await this.#parts.decoding.sampleAfter(sequence, sampler, [...prompt, ...generated], signal)
    sequence.addPrompt(prompt)
    for (const token of generated) sequence.addGenerated(token)
    return first
  }
}
