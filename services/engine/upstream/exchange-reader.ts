import type { EngineEvent } from '../engine.ts'
import { tokensOf, type AnswerTokens } from './answer-tokens.ts'
import type { Exchange } from './client.ts'
import { CompletionReader, type Chunk, type Ending } from './completion.ts'
import { StageClock, type StageTimings } from './stage-clock.ts'
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

/**
 * Reads the stream of one exchange, separates thoughts from the answer, and keeps both within their limits. A
 * Sightline separates them and keeps the limits itself.
 */
export class ExchangeReader {
  readonly completion = new CompletionReader()
  readonly #exchange: Exchange
  readonly #splitter: ThoughtSplitter
  readonly #tally = new TokenTally()
  readonly #clock: StageClock
  readonly #separator: string
  /** Thoughts and text that were passed on. */
  #thoughts = ''
  #text = ''
  #thoughtsAreAnswer = false
  /** Tokens of the answer that were passed on when it reached its limit. */
  #limitedTokens = 0

  constructor (exchange: Exchange, { attempt, sent, separator }: ExchangeReaderOptions) {
    const { upstream: { thinking, sightline }, limits } = exchange
    const expected = limits.limit > 0
    this.#exchange = exchange
    this.#clock = new StageClock(sent)
    this.#separator = separator
    this.#splitter = new ThoughtSplitter({
      separates: sightline || thinking.separates, expected, untagged: expected || attempt !== 'as requested'
    })
  }

  /** Time of the first event, by `performance.now()`; 0 before it. */
  get firstEvent (): number { return this.#clock.firstEvent }

  /** True after thoughts were passed on. */
  get thought (): boolean { return this.#thoughts !== '' }

  /**
   * @param chunks the chunks that `completion` reads
   * @throws errors of `chunks`
   */
  async * read (chunks: AsyncIterable<Chunk>): AsyncGenerator<TextEvent, Outcome> {
    const { upstream: { thinking, sightline }, limits: { limit } } = this.#exchange
    const splitter = this.#splitter
    for await (const chunk of chunks) {
      if (chunk.thought === '' && chunk.text === '' && !chunk.call) continue
      this.#clock.noteDelta()
      if (chunk.thought !== '') thinking.separates = true
      if (chunk.thought !== '' && limit === 0 && !splitter.answering) return 'unwanted'
      const pieces = splitter.push(chunk.thought, chunk.text)
      if (splitter.foundTags) thinking.warn('inText', { advice: 'start the server with its reasoning parser' })
      const answered = this.#tally.answer
      this.#count(chunk)
      if (!sightline && this.#exceedsAnswer()) {
        this.#limitedTokens = this.#tally.exact ? answered : this.#exchange.limits.answer
        yield * this.#calls()
        return 'limited'
      }
      yield * this.#pass(pieces)
      if (!sightline && this.#exceedsThoughts()) {
        yield * this.#pass(splitter.abandon())
        return 'budget'
      }
    }
    return yield * this.#end()
  }

  /** The counts of the upstream, or of this reader if the exchange was closed before the upstream reported them. */
  usage (outcome: Outcome): Ending['usage'] & AnswerTokens {
    const { usage } = this.completion.ending()
    return { ...usage, ...this.#tokens(outcome, usage) }
  }

  timings (): StageTimings {
    return this.#clock.timings(this.#splitter.thoughts)
  }

  #count ({ thought, text, call }: Chunk): void {
    const total = this.completion.tokensSoFar
    if (thought !== '') this.#tally.add('thoughts', thought, total)
    if (text === '' && !call) return
    const isAnswer = this.#splitter.answering || call
    this.#tally.add(isAnswer ? 'answer' : 'thoughts', text, total)
    if (isAnswer) this.#clock.noteAnswer()
  }

  #exceedsAnswer (): boolean {
    const { limit, answer } = this.#exchange.limits
    // Without thoughts, `max_tokens` is the limit of the answer, and the upstream counts exactly.
    return limit > 0 && this.#tally.answer > answer
  }

  #exceedsThoughts (): boolean {
    const { limit } = this.#exchange.limits
    return limit > 0 && !this.#splitter.answering && this.#tally.thoughts > limit + CLOSING_TOKENS
  }

  /** Passes on the rest of the stream. */
  * #end (): Generator<TextEvent, Outcome> {
    if (this.#endsWithinThoughts()) {
      yield * this.#pass(this.#splitter.abandon())
      return 'length'
    }
    const { thought, text } = this.#splitter.end()
    const share = text === '' || this.#exchange.upstream.sightline ? 1 : this.#allowedShare()
    yield * this.#pass({ thought, text: text.slice(0, Math.floor(text.length * share)) })
    if (share < 1) {
      this.#limitedTokens = this.#exchange.limits.answer
      return 'limited'
    }
    yield * this.#calls()
    return this.#hasAnswer() ? 'answered' : yield * this.#endWithoutAnswer()
  }

  /** Returns whether `max_tokens` ended the answer before the splitter could find the end of its thoughts. */
  #endsWithinThoughts (): boolean {
    const { undecided, open } = this.#splitter
    return undecided &&
      this.completion.ending().finishReason === 'length' &&
      (this.#exchange.limits.limit > 0 || open)
  }

  /**
   * Returns the share of the text that its limit allows, for a text that was held back to its end because it could
   * have been thoughts. Its tokens were counted as thoughts.
   */
  #allowedShare (): number {
    const { limit, answer } = this.#exchange.limits
    const textTokens = this.#tally.thoughts
    return limit > 0 && !this.#splitter.thoughts && textTokens > answer ? answer / textTokens : 1
  }

  /** Returns whether thoughts did not prevent an answer. It can be empty without them, or if it is a Sightline's. */
  #hasAnswer (): boolean {
    if (this.#text !== '' || this.#exchange.upstream.sightline) return true
    return !this.#splitter.thoughts && !this.completion.ending().usage.thinkingTokens
  }

  * #endWithoutAnswer (): Generator<TextEvent, Outcome> {
    if (this.completion.ending().finishReason === 'length') return 'length'
    if (!this.#exchange.limits.patient) return 'empty'
    // Some reasoning parsers take an answer without thoughts for thoughts.
    this.#thoughtsAreAnswer = true
    yield * this.#pass({ thought: '', text: this.#thoughts })
    return 'answered'
  }

  * #calls (): Generator<TextEvent> {
    yield * this.#pass({ thought: '', text: this.completion.calls() })
  }

  * #pass ({ thought, text }: Pieces): Generator<TextEvent> {
    if (thought !== '' || text !== '') this.#clock.noteEvent()
    const separator = this.#thoughts === '' ? this.#separator : ''
    this.#thoughts += thought
    this.#text += text
    if (thought !== '') yield { type: 'thought', text: separator + thought }
    if (text !== '') yield { type: 'token', text }
  }

  #tokens (outcome: Outcome, usage: Ending['usage']): AnswerTokens {
    const tally = this.#tally
    if (outcome !== 'answered') {
      return { thinkingTokens: this.#splitter.thoughts ? tally.thoughts : 0, completionTokens: this.#limitedTokens }
    }
    const [thoughts, reported] = this.#thoughtsAreAnswer ? ['', 0] : [this.#thoughts, usage.thinkingTokens]
    return tokensOf({ ...usage, thinkingTokens: reported }, { thoughts, text: this.#text, tally })
  }
}
