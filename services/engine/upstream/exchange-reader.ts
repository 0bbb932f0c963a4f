import type { EngineEvent } from '../engine.ts'
import type { Exchange } from './client.ts'
import { CompletionReader, type Chunk, type Ending } from './completion.ts'
import { estimateTokens } from './estimate.ts'
import type { Attempt } from './thought-plan.ts'
import { ThoughtSplitter, type Pieces } from './thought-splitter.ts'
import { TokenTally } from './token-tally.ts'

/** Tokens that an upstream can write to end thoughts at its own limit, for example a sentence. */
const CLOSING_TOKENS = 32

export type TextEvent = Extract<EngineEvent, { type: 'thought' | 'token' }>

/**
 * The end of an exchange: an answer, one that reached its limit, or one of the reasons why thoughts prevented it.
 *
 * - `unwanted`: the upstream thinks although it was asked not to
 * - `budget`: the thoughts exceed their limit
 * - `length`: the upstream ended at `max_tokens`, within thoughts
 * - `empty`: the upstream ended behind the thoughts
 */
export type Outcome = 'answered' | 'limited' | 'unwanted' | 'budget' | 'length' | 'empty'

export interface ExchangeReaderOptions {
  attempt: Attempt
  /** Time at which the request was sent, by `performance.now()`. */
  sent: number
  /** Written before the first thought. */
  separator: string
}

/** Reads the stream of one exchange, separates thoughts from the answer, and keeps both within their limits. */
export class ExchangeReader {
  readonly completion = new CompletionReader()
  readonly #exchange: Exchange
  readonly #splitter: ThoughtSplitter
  readonly #tally = new TokenTally()
  readonly #sent: number
  readonly #separator: string
  /** Thoughts and text that were passed on. */
  #thoughts = ''
  #text = ''
  #thoughtsAreAnswer = false
  // Times of the first delta, the first event and the first token of the answer; 0 until then.
  #firstDelta = 0
  #firstEvent = 0
  #answerBegan = 0

  constructor (exchange: Exchange, { attempt, sent, separator }: ExchangeReaderOptions) {
    const { upstream: { thinking }, limits } = exchange
    const expected = limits.limit > 0
    this.#exchange = exchange
    this.#sent = sent
    this.#separator = separator
    this.#splitter = new ThoughtSplitter({
      separates: thinking.separates, expected, untagged: expected || attempt !== 'as requested'
    })
  }

  /** Time of the first event, by `performance.now()`; 0 before it. */
  get firstEvent (): number { return this.#firstEvent }

  /** True after thoughts were passed on. */
  get thought (): boolean { return this.#thoughts !== '' }

  /**
   * @param chunks the chunks that `completion` reads
   * @throws errors of `chunks`
   */
  async * read (chunks: AsyncIterable<Chunk>): AsyncGenerator<TextEvent, Outcome> {
    const { upstream: { thinking }, limits: { limit } } = this.#exchange
    const splitter = this.#splitter
    for await (const chunk of chunks) {
      if (chunk.thought === '' && chunk.text === '' && !chunk.call) continue
      this.#firstDelta ||= performance.now()
      if (chunk.thought !== '') thinking.separates = true
      if (chunk.thought !== '' && limit === 0 && !splitter.answering) return 'unwanted'
      const pieces = splitter.push(chunk.thought, chunk.text)
      if (splitter.foundTags) thinking.warn('inText', { advice: 'start the server with its reasoning parser' })
      if (this.#count(chunk)) {
        yield * this.#calls()
        return 'limited'
      }
      yield * this.#pass(pieces)
      if (limit > 0 && !splitter.answering && this.#tally.thoughts > limit + CLOSING_TOKENS) {
        yield * this.#pass(splitter.abandon())
        return 'budget'
      }
    }
    return yield * this.#end()
  }

  /** Splits the tokens that the upstream counts, in which thoughts are part of the answer. */
  usage (outcome: Outcome): Ending['usage'] & Tokens {
    const { usage } = this.completion.ending()
    return { ...usage, ...this.#tokens(outcome, usage) }
  }

  /** Returns milliseconds. The time of thoughts ends with the first token of the answer. */
  timings (): StageTimings {
    const end = performance.now()
    const first = this.#firstDelta || end
    const answerBegan = this.#answerBegan || end
    return this.#splitter.thoughts
      ? { prefillMs: first - this.#sent, thinkingMs: answerBegan - first, decodeMs: end - answerBegan }
      : { prefillMs: first - this.#sent, thinkingMs: 0, decodeMs: end - first }
  }

  /** @returns true if the answer exceeds its limit */
  #count ({ thought, text, call }: Chunk): boolean {
    const { limits } = this.#exchange
    const total = this.completion.tokensSoFar
    if (thought !== '') this.#tally.add('thoughts', thought, total)
    if (text === '' && !call) return false
    const isAnswer = this.#splitter.answering || call
    this.#tally.add(isAnswer ? 'answer' : 'thoughts', text, total)
    if (isAnswer) this.#answerBegan ||= performance.now()
    // Without thoughts, `max_tokens` is the limit of the answer, and the upstream counts exactly.
    return isAnswer && limits.limit > 0 && this.#tally.answer > limits.answer
  }

  * #end (): Generator<TextEvent, Outcome> {
    const { limit, answer, patient } = this.#exchange.limits
    const splitter = this.#splitter
    const { finishReason, usage } = this.completion.ending()
    if (splitter.undecided && finishReason === 'length' && (limit > 0 || splitter.open)) {
      yield * this.#pass(splitter.abandon())
      return 'length'
    }
    const { thought, text } = splitter.end()
    const held = this.#tally.thoughts
    if (limit > 0 && text !== '' && !splitter.thoughts && held > answer) {
      yield * this.#pass({ thought, text: text.slice(0, Math.floor(text.length * answer / held)) })
      return 'limited'
    }
    yield * this.#pass({ thought, text })
    yield * this.#calls()
    if (this.#text !== '') return 'answered'
    if (!splitter.thoughts && !usage.thinkingTokens) return 'answered'
    if (finishReason === 'length') return 'length'
    if (!patient) return 'empty'
    // Some reasoning parsers take an answer without thoughts for thoughts.
    this.#thoughtsAreAnswer = true
    yield * this.#pass({ thought: '', text: this.#thoughts })
    return 'answered'
  }

  * #calls (): Generator<TextEvent> {
    yield * this.#pass({ thought: '', text: this.completion.calls() })
  }

  * #pass ({ thought, text }: Pieces): Generator<TextEvent> {
    if (thought !== '' || text !== '') this.#firstEvent ||= performance.now()
    const separator = this.#thoughts === '' ? this.#separator : ''
    this.#thoughts += thought
    this.#text += text
    if (thought !== '') yield { type: 'thought', text: separator + thought }
    if (text !== '') yield { type: 'token', text }
  }

  #tokens (outcome: Outcome, { completionTokens: total, thinkingTokens: reported = 0 }: Ending['usage']): Tokens {
    const { thoughts, answer } = this.#tally
    // The exchange was closed before the upstream reported its counts.
    if (outcome !== 'answered') {
      return {
        thinkingTokens: this.#splitter.thoughts ? thoughts : 0, completionTokens: this.#exchange.limits.answer
      }
    }
    if (this.#thoughtsAreAnswer) return { thinkingTokens: 0, completionTokens: total ?? estimateTokens(this.#text) }
    if (total === undefined) {
      return {
        thinkingTokens: reported || estimateTokens(this.#thoughts), completionTokens: estimateTokens(this.#text)
      }
    }
    const estimate = this.#splitter.thoughts ? Math.round(total * thoughts / (thoughts + answer)) : 0
    const thinkingTokens = reported || estimate
    return { thinkingTokens, completionTokens: Math.max(0, total - thinkingTokens) }
  }
}

export interface StageTimings { prefillMs: number, thinkingMs: number, decodeMs: number }

interface Tokens { thinkingTokens: number, completionTokens: number }
