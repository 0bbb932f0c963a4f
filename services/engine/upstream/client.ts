import type { IncomingMessage } from 'node:http'
import {
  EngineCrashedError, EngineError, EngineNotReadyError, ServerBusyError, type SightlineError
} from '../../../errors/catalogue.ts'
import type { Log } from '../../log.ts'
import type { GenerateRequest } from '../engine.ts'
import { createBody } from './body.ts'
import type { Chunk, CompletionReader } from './completion.ts'
import {
  fromEvent, isTurnedAway, isUnexplained, readRefusal, refusesThoughts, roomIn, toError, type Refusal,
  type RequestSummary
} from './failure.ts'
import { LostError, readBytes, readText, send, UnreachableError } from './http.ts'
import type { UpstreamImage } from './prepared-images.ts'
import { MalformedStreamError, readSse } from './sse.ts'
import { fieldsToDrop, isAboutValue, largestBudgetIn, thinkingFields } from './thinking-fields.ts'
import type { Limits } from './thought-plan.ts'
import type { Upstream, Upstreams } from './upstreams.ts'

export interface UpstreamClientOptions {
  upstreams: Upstreams
  /** Empty to send no key. */
  apiKey: string
  log: Log
}

/** A request for an answer. */
export interface Question {
  request: GenerateRequest
  /** The images of the request, by index. */
  images: UpstreamImage[]
  summary: RequestSummary
  /**
   * Plans the exchange with an upstream.
   * @param room tokens that remain for thoughts and answer
   */
  plan: (upstream: Upstream, room: number) => Limits
}

/** An upstream that accepted a request, and the beginning of its answer. */
export interface Exchange {
  upstream: Upstream
  response: IncomingMessage
  limits: Limits
}

/**
 * Sends requests for answers to upstreams and reads their streams. Maps failures to errors of `errors/catalogue.ts`.
 */
export class UpstreamClient {
  readonly #upstreams: Upstreams
  readonly #apiKey: string
  readonly #log: Log

  constructor ({ upstreams, apiKey, log }: UpstreamClientOptions) {
    this.#upstreams = upstreams
    this.#apiKey = apiKey
    this.#log = log
  }

  /**
   * Sends a request to the least busy upstream. If that one is busy, not ready or unreachable, it computed nothing,
   * so the next one is tried. If a connection breaks later, the request is not retried, because it may have crashed
   * the upstream.
   * @param preferred the upstream to ask first
   * @returns the exchange, which the caller must pass to `close`
   * @throws errors of `errors/catalogue.ts`; the reason of `signal`
   */
  async ask (question: Question, signal: AbortSignal, preferred?: Upstream): Promise<Exchange> {
    const upstreams = this.#upstreams
    const conversation = beginningOf(question.request)
    const tried = new Set<Upstream>()
    let failure: SightlineError | null = null
    for (;;) {
      const upstream = upstreams.take(conversation, tried, preferred)
      if (upstream === null) throw failure ?? new EngineNotReadyError(upstreams.reason)
      tried.add(upstream)
      let accepted = false
      try {
        const reply = await this.#send(upstream, question, signal)
        if (!('status' in reply)) {
          accepted = true
          return { upstream, ...reply }
        }
        const error = toError(reply, question.summary, this.#log, upstream.base.href)
        if (!isTurnedAway(reply)) throw error
        if (reply.status === 503) upstreams.doubt(upstream)
        // Prefer SERVER_BUSY to ENGINE_NOT_READY: a client can retry it sooner.
        if (!(failure instanceof ServerBusyError)) failure = error
      } catch (error) {
        if (!(error instanceof UnreachableError)) throw this.toClientError(error, upstream)
        upstreams.miss(upstream, error.message)
      } finally {
        if (!accepted) upstreams.giveBack(upstream)
      }
    }
  }

  /**
   * Sends a request to an upstream. A refused request is sent again with the room that the upstream reports, with the
   * largest budget of thoughts that it allows, or without the fields about thinking that it refuses.
   */
  async #send (
    upstream: Upstream, { request, images, summary, plan }: Question, signal: AbortSignal
  ): Promise<Omit<Exchange, 'upstream'> | Refusal> {
    const { thinking, sightline } = upstream
    const dropped = new Set<string>()
    const refused = new Set<string>()
    let room = Math.max(1, summary.contextSize - 1 - summary.promptTokens)
    for (let knowsRoom = false; ;) {
      const limits = plan(upstream, room)
      const without = new Set([...thinking.refused(limits.wanted), ...dropped])
      const fields = thinkingFields(limits, { sightline, refused: without })
      const response = await send({
        url: new URL('chat/completions', upstream.base),
        apiKey: this.#apiKey,
        headers: request.traceHeaders,
        body: createBody(request, images, upstream.model, limits.total, fields)
      }, signal)
      const refusal = await refusalOf(response, signal)
      if (refusal === null) {
        if (refused.size > 0) thinking.refuses(limits.wanted, refused)
        return { response, limits }
      }
      const reported = knowsRoom ? null : roomIn(refusal)
      if (reported !== null && reported < limits.total) {
        room = reported
        knowsRoom = true
        continue
      }
      if (limits.wanted && refusesThoughts(refusal)) {
        thinking.refusesThoughts()
        if (summary.thinkingField !== undefined) return refusal
        continue
      }
      const sent = Object.keys(fields)
      const largest = largestBudgetIn(refusal, sent, limits.budget)
      if (largest !== null) {
        thinking.allowsAtMost(largest)
        continue
      }
      const names = fieldsToDrop(refusal, sent, isUnexplained(refusal, summary))
      if (names.length === 0) return refusal
      for (const name of names) {
        dropped.add(name)
        if (!isAboutValue(refusal)) refused.add(name)
      }
    }
  }

  /**
   * Reads an answer to its end.
   * @returns the chunks that contain no error
   * @throws errors that `toClientError` maps
   */
  async * read (
    { upstream, response }: Exchange, reader: CompletionReader, summary: RequestSummary, signal: AbortSignal
  ): AsyncGenerator<Chunk> {
    if (!/^text\/event-stream\b/i.test(response.headers['content-type'] ?? '')) {
      throw new MalformedStreamError('the answer is not an event stream')
    }
    for await (const data of readSse(readBytes(response, signal))) {
      if (data === '[DONE]') break
      const chunk = reader.push(data)
      if (chunk.error !== undefined) throw toError(fromEvent(chunk.error), summary, this.#log, upstream.base.href)
      yield chunk
    }
    if (!reader.finished || reader.aborted) throw new LostError('the answer is incomplete')
  }

  /**
   * Logs a broken connection or a malformed answer and returns the error for the client. Returns other errors
   * unchanged.
   */
  toClientError (error: unknown, upstream: Upstream): unknown {
    const { href } = upstream.base
    if (error instanceof LostError) {
      this.#log.warn({ upstream: href, reason: error.message }, 'upstream connection lost')
      this.#upstreams.doubt(upstream)
      return new EngineCrashedError()
    }
    if (error instanceof MalformedStreamError) {
      this.#log.error({ upstream: href, reason: error.message }, 'upstream answer malformed')
      return new EngineError()
    }
    return error
  }

  /** Ends an exchange. The upstream stops computing when its connection closes. */
  close ({ upstream, response }: Exchange): void {
    response.destroy()
    this.#upstreams.giveBack(upstream)
  }
}

/** Returns null if the upstream accepted the request. */
async function refusalOf (response: IncomingMessage, signal: AbortSignal): Promise<Refusal | null> {
  if (response.statusCode === 200) return null
  try {
    return readRefusal(response, await readText(response, signal))
  } finally {
    // The rest of a refused request is not sent.
    response.destroy()
  }
}

/** Returns the beginning of a conversation, which is the same for each of its turns. */
function beginningOf ({ scope, turns, images }: GenerateRequest): string {
  const first = turns.slice(0, 1 + turns.findIndex(turn => turn.role === 'user'))
  return JSON.stringify([
    scope, first.map(({ parts }) => parts.map(part => part.type === 'text' ? part.text : images[part.image]!.id))
  ])
}
