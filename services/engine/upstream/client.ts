import type { IncomingMessage } from 'node:http'
import {
  EngineCrashedError, EngineError, EngineNotReadyError, ServerBusyError, type SightlineError
} from '../../../errors/catalogue.ts'
import type { Log } from '../../log.ts'
import type { GenerateRequest } from '../engine.ts'
import { createBody } from './body.ts'
import type { CompletionReader } from './completion.ts'
import {
  fromEvent, isTurnedAway, readRefusal, roomIn, toError, type Refusal, type RequestSummary
} from './failure.ts'
import { LostError, readBytes, readText, send, UnreachableError } from './http.ts'
import type { UpstreamImage } from './prepared-images.ts'
import { MalformedStreamError, readSse } from './sse.ts'
import type { Upstream, Upstreams } from './upstreams.ts'

export interface UpstreamClientOptions {
  upstreams: Upstreams
  /** Empty to send no key. */
  apiKey: string
  log: Log
}

/** An upstream that accepted a request, and the beginning of its answer. */
export interface Exchange {
  upstream: Upstream
  response: IncomingMessage
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
   * @returns the exchange, which the caller must pass to `close`
   * @throws errors of `errors/catalogue.ts`; the reason of `signal`
   */
  async ask (
    request: GenerateRequest, images: UpstreamImage[], summary: RequestSummary, signal: AbortSignal
  ): Promise<Exchange> {
    const upstreams = this.#upstreams
    const conversation = beginningOf(request)
    let maxTokens = Math.max(1, Math.min(request.maxTokens, summary.contextSize - 1 - summary.promptTokens))
    const post = (upstream: Upstream) => send({
      url: new URL('chat/completions', upstream.base),
      apiKey: this.#apiKey,
      headers: request.traceHeaders,
      body: createBody(request, images, upstream.model, maxTokens)
    }, signal)
    const tried = new Set<Upstream>()
    let failure: SightlineError | null = null
    for (let upstream = upstreams.take(conversation, tried); upstream; upstream = upstreams.take(conversation, tried)) {
      tried.add(upstream)
      let accepted = false
      try {
        let response = await post(upstream)
        let refusal = await refusalOf(response, signal)
        const room = refusal && roomIn(refusal)
        if (room && room < maxTokens) {
          maxTokens = room
          response = await post(upstream)
          refusal = await refusalOf(response, signal)
        }
        if (refusal === null) {
          accepted = true
          return { upstream, response }
        }
        const error = toError(refusal, summary, this.#log, upstream.base.href)
        if (!isTurnedAway(refusal)) throw error
        if (refusal.status === 503) upstreams.doubt(upstream)
        // Prefer SERVER_BUSY to ENGINE_NOT_READY: a client can retry it sooner.
        if (!(failure instanceof ServerBusyError)) failure = error
      } catch (error) {
        if (!(error instanceof UnreachableError)) throw this.toClientError(error, upstream)
        upstreams.miss(upstream, error.message)
      } finally {
        if (!accepted) upstreams.giveBack(upstream)
      }
    }
    throw failure ?? new EngineNotReadyError(upstreams.reason)
  }

  /**
   * Reads an answer to its end and returns its text piece by piece.
   * @throws errors that `toClientError` maps
   */
  async * read (
    { upstream, response }: Exchange, reader: CompletionReader, summary: RequestSummary, signal: AbortSignal
  ): AsyncGenerator<string> {
    if (!/^text\/event-stream\b/i.test(response.headers['content-type'] ?? '')) {
      throw new MalformedStreamError('the answer is not an event stream')
    }
    for await (const data of readSse(readBytes(response, signal))) {
      if (data === '[DONE]') break
      const { text, error } = reader.push(data)
      if (error !== undefined) throw toError(fromEvent(error), summary, this.#log, upstream.base.href)
      if (text !== '') yield text
    }
    if (!reader.finished || reader.aborted) throw new LostError('the answer is incomplete')
    const calls = reader.calls()
    if (calls !== '') yield calls
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
