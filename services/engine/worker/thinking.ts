import type { Token } from 'node-llama-cpp'
import type { Sampler } from '../../../native/vision.ts'
import { thoughtRoom } from '../thought-room.ts'
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
  /** The answer follows thoughts, even if they are empty. */
  follows: boolean
}

export interface AnswerStart {
  sequence: Sequence
  /** The end of the prompt. */
  tail: Token[]
  plan: ThoughtPlan
  /** Sampler of the answer, which may follow a grammar. */
  sampler: Sampler
  /** Creates the sampler of the thoughts, which has no grammar. */
  createThoughtSampler (): Sampler
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
 * whether the model ended the thoughts or the budget did. A grammar therefore never sees them.
 */
export class Thinking {
  readonly #parts: ThinkingParts

  constructor (parts: ThinkingParts) {
    this.#parts = parts
  }

  /**
   * Plans the thoughts of an answer.
   * @param wanted maximum number of thought tokens; 0 for no thoughts
   * @param free KV cells behind the prompt
   */
  plan (wanted: number, maxTokens: number, free: number): ThoughtPlan {
    const closing = closingOf(this.#parts.syntax, wanted > 0)
    if (closing.length === 0) return { thinks: false, budget: 0, closing }
    const room = Math.max(0, free - closing.length)
    return { thinks: true, budget: Math.min(wanted, thoughtRoom(maxTokens, room)), closing }
  }

  /**
   * Evaluates the end of the prompt, generates the thoughts, and samples the first token of the answer.
   * @param onText receives the text of the thoughts, without white space at both ends
   * @throws the reason of `signal`; Error of llama.cpp, after which the content of the sequence is unknown
   */
  async begin (start: AnswerStart, signal: AbortSignal, onText: (text: string) => void): Promise<Begun> {
    const { plan: { thinks, budget, closing }, tail } = start
    const begun = thinks && budget > 0
      ? await this.#think(start, this.#parts.syntax!, signal, onText)
      : { first: await this.#sampleAnswer(start, tail, closing, signal), thinkingTokens: 0, cells: 0, follows: thinks }
    return await this.#withoutMore(start, begun, signal)
  }

  async #think (
    { sequence, tail, plan: { budget, closing }, createThoughtSampler, sampler }: AnswerStart,
    { closeTag, afterClose }: ThoughtSyntax, signal: AbortSignal, onText: (text: string) => void
  ): Promise<Begun> {
    const { decoding, detokenize } = this.#parts
    const text = trimmed(createTextStream(detokenize, []))
    const thoughtSampler = createThoughtSampler()
    const firstThought = await decoding.sampleAfter(sequence, thoughtSampler, tail, signal)
    sequence.addPrompt(tail)
    const { end, count, last } =
      await decoding.sample(sequence, thoughtSampler, firstThought, { limit: budget }, signal, token => {
        if (token === closeTag) return 'ends'
        onText(text.push(token))
        return 'counts'
      })
    onText(text.end())
    // A model that ends its turn within its thoughts has still to answer.
    const rest = end === 'reader' ? [closeTag, ...afterClose] : end === 'limit' ? [last, ...closing] : closing
    const first = await this.#sampleAnswer({ sequence, sampler }, [], rest, signal)
    const thinkingTokens = end === 'reader' ? count - 1 : count
    return { first, thinkingTokens, cells: thinkingTokens, follows: true }
  }

  /**
   * Ends thoughts that a model begins although it should answer, before they contain anything: the opening tag as the
   * first token of an answer.
   */
  async #withoutMore (start: AnswerStart, begun: Begun, signal: AbortSignal): Promise<Begun> {
    const { syntax } = this.#parts
    if (syntax === null || begun.first !== syntax.openTag) return begun
    const empty = [syntax.openTag, ...closingTokens(syntax)]
    if (start.room - begun.cells <= empty.length) return begun
    const first = await this.#sampleAnswer(start, [], empty, signal)
    return { ...begun, first, cells: begun.cells + empty.length, follows: true }
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
