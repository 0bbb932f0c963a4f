import { EngineError } from '../../../errors/catalogue.ts'
import type { Log } from '../../log.ts'
import type { Exchange, Question, UpstreamClient } from './client.ts'
import type { Ending } from './completion.ts'
import { ExchangeReader, type Outcome, type TextEvent } from './exchange-reader.ts'
import type { StageTimings } from './stage-clock.ts'
import { nextAttempt, planExchange, type Attempt } from './thought-plan.ts'
import type { Upstream } from './upstreams.ts'

/** As requested, without thoughts, and patiently. */
const EXCHANGES_MAX = 3
/** Between the thoughts of two exchanges. */
const THOUGHTS_SEPARATOR = '\n\n'

export interface AnswerEnd {
  finishReason: 'stop' | 'length'
  /** `completionTokens` does not include thoughts. */
  usage: Ending['usage'] & { thinkingTokens: number, completionTokens: number }
  /** Sums over all exchanges. */
  timings: StageTimings
  /** Time of the first thought or token, by `performance.now()`. */
  firstEvent: number
}

export interface AnswerStreamOptions {
  client: UpstreamClient
  question: Omit<Question, 'plan'>
  /** Maximum number of tokens of thoughts that an upstream thinks although they are off. */
  unwantedThoughts: number
  log: Log
}

/**
 * An answer of an upstream, with its thoughts. If these exceed their limit, or the upstream ends without an answer
 * because of them, the exchange is closed, and the same upstream is asked again without thoughts: its KV cache still
 * contains the prompt. An upstream that thinks again cannot stop thinking. It is asked a last time, with room for
 * these thoughts, and the request fails if they prevent an answer once more.
 */
export class AnswerStream {
  readonly #options: AnswerStreamOptions
  readonly #timings: StageTimings = { prefillMs: 0, thinkingMs: 0, decodeMs: 0 }
  /** Thought tokens of closed exchanges. */
  #closedTokens = 0
  /** Closed exchanges contained thoughts, which were passed on. */
  #thought = false
  #firstEvent = 0

  constructor (options: AnswerStreamOptions) {
    this.#options = options
  }

  /** @throws errors of `errors/catalogue.ts`; the reason of `signal` */
  async * read (signal: AbortSignal): AsyncGenerator<TextEvent, AnswerEnd> {
    const { client, question, unwantedThoughts, log } = this.#options
    const { thinkingTokens = 0, thinkingField, maxTokens } = question.request
    let attempt: Attempt = 'as requested'
    let upstream: Upstream | undefined
    for (let count = 1; ; count++) {
      const plan: Question['plan'] = (upstream, room) => {
        // If no field asks for thoughts, the service's own setting does, and has no effect on such an upstream.
        const wanted = upstream.thinking.cannotThink && thinkingField === undefined ? 0 : thinkingTokens
        return planExchange(upstream, attempt, { wanted, unwanted: unwantedThoughts }, maxTokens, room)
      }
      const sent = performance.now()
      const exchange: Exchange = await client.ask({ ...question, plan }, signal, upstream)
      upstream = exchange.upstream
      try {
        const end = yield * this.#readExchange(exchange, attempt, sent, signal)
        if (end) return end
      } catch (error) {
        throw client.toClientError(error, upstream)
      } finally {
        client.close(exchange)
      }
      const next = nextAttempt(exchange.limits)
      if (next === null || count === EXCHANGES_MAX) {
        log.error({ upstream: upstream.base.href, limit: exchange.limits.limit }, 'upstream thought without an answer')
        throw new EngineError()
      }
      attempt = next
    }
  }

  /** @returns null if thoughts prevented the answer */
  async * #readExchange (
    exchange: Exchange, attempt: Attempt, sent: number, signal: AbortSignal
  ): AsyncGenerator<TextEvent, AnswerEnd | null> {
    const { client, question: { summary } } = this.#options
    const separator = this.#thought ? THOUGHTS_SEPARATOR : ''
    const reader = new ExchangeReader(exchange, { attempt, sent, separator })
    const outcome = yield * reader.read(client.read(exchange, reader.completion, summary, signal))
    const timings = reader.timings()
    for (const stage of ['prefillMs', 'thinkingMs', 'decodeMs'] as const) this.#timings[stage] += timings[stage]
    this.#firstEvent ||= reader.firstEvent
    const { finishReason, usage: reported } = reader.completion.ending()
    const usage = reader.usage(outcome)
    usage.thinkingTokens += this.#closedTokens
    if (outcome !== 'answered' && outcome !== 'limited') {
      this.#closedTokens = usage.thinkingTokens
      this.#thought ||= reader.thought
      this.#learn(exchange, outcome, reported)
      return null
    }
    return {
      finishReason: outcome === 'limited' ? 'length' : finishReason,
      usage,
      timings: this.#timings,
      firstEvent: this.#firstEvent || performance.now()
    }
  }

  /** Remembers how the upstream handled thoughts that prevented the answer. */
  #learn (
    { upstream: { thinking }, limits: { limit, budget, patient } }: Exchange, outcome: Outcome,
    { thinkingTokens: reported = 0 }: Ending['usage']
  ): void {
    if (patient) return
    if (limit > 0) return thinking.warn('askedAgain', { reason: outcome, budget })
    // A user can cause tags in the text, so they prove nothing about the upstream.
    if (outcome !== 'unwanted' && reported === 0) return
    thinking.alwaysThinks = true
    thinking.warn('unwanted')
  }
}
