import type { IncomingMessage } from 'node:http'
import {
  EngineCrashedError, EngineError, EngineNotReadyError, ImageExpiredError, ServerBusyError, ShuttingDownError,
  withDetails, type SightlineError
} from '../../errors/catalogue.ts'
import { verbatim } from '../../errors/language.ts'
import { NOT_READY } from '../../errors/phrases.ts'
import { untilAborted } from '../abort.ts'
import type { Log } from '../log.ts'
import type {
  Engine, EngineEvent, EngineImage, EngineInfo, GenerateRequest, Inspection, KnownImage, Tool, Turn, VisionInfo
} from './engine.ts'
import { createBody } from './upstream/body.ts'
import { CompletionReader } from './upstream/completion.ts'
import { estimatePrompt, estimateTokens } from './upstream/estimate.ts'
import { fromEvent, isTurnedAway, readRefusal, roomIn, toError, type Asked, type Refusal } from './upstream/failure.ts'
import { LostError, readBytes, readText, send, UnreachableError } from './upstream/http.ts'
import { TOOL_SYNTAX } from './upstream/messages.ts'
import { nameOf } from './upstream/models.ts'
import { keyOf, PreparedImages, readPrepared, type PreparedImage } from './upstream/prepared-images.ts'
import { MalformedStreamError, readSse } from './upstream/sse.ts'
import { createUpstreams, type Upstream } from './upstream/upstreams.ts'

export interface OpenAiEngineOptions {
  log: Log
  /** Bases of the upstreams' interfaces, each with a slash at its end. */
  urls: readonly string[]
  /** Empty: none is sent. */
  apiKey: string
  /** Empty: the first that each upstream lists. */
  model: string
  /** Tokens that the upstreams give one request. */
  contextSize: number
  /** Requests that are sent at the same time. */
  slots: number
  /** What the model wants of images; null: it cannot see. */
  vision: VisionInfo | null
  /** Bytes of prepared images that are kept. */
  imageCacheBytes: number
}

/** The engine that has the answers made elsewhere: by vLLM, SGLang, llama-server, or another Sightline, over OpenAI's interface. */
export function createOpenAiEngine (
  { log, urls, apiKey, model, contextSize, slots, vision, imageCacheBytes }: OpenAiEngineOptions
): Engine {
  const upstreams = createUpstreams({ urls, apiKey, model, log })
  const tokensOf = ({ width, height }: { width: number, height: number }) =>
    vision === null ? 0 : width * height / vision.multiple ** 2
  const preparedImages = new PreparedImages(imageCacheBytes, tokensOf)
  /** Of conversations that were inspected; they are counted again to be answered. */
  const counted = new WeakMap<Turn[], number>()
  /** What ends each request that runs. */
  const running = new Set<AbortController>()
  let closed = false

  function info (): EngineInfo {
    const state = closed ? 'closed' : upstreams.ready ? 'ready' : upstreams.everReady ? 'restarting' : 'starting'
    return {
      state,
      reason: closed ? NOT_READY.shuttingDown : state === 'ready' ? verbatim('') : upstreams.reason,
      model: nameOf(upstreams.model),
      architecture: '',
      demo: false,
      device: 'upstream',
      contextSize,
      slots,
      vision,
      tools: TOOL_SYNTAX,
      temperature: 0,
      restarts: 0,
      pid: null,
      caches: {
        images: preparedImages.size, imageBytes: preparedImages.bytes, imageBytesLimit: preparedImages.limitBytes
      },
      memory: 0,
      vram: { used: 0, total: 0 },
      plan: null
    }
  }

  function assertReady (): void {
    const { state, reason } = info()
    if (state === 'closed') throw new ShuttingDownError()
    if (state !== 'ready') throw new EngineNotReadyError(reason)
  }

  function countText (turns: Turn[], tools: Tool[]): number {
    const tokens = counted.get(turns) ?? estimatePrompt(turns, tools, contextSize)
    counted.set(turns, tokens)
    return tokens
  }

  async function inspect (turns: Turn[], tools: Tool[], ids: string[]): Promise<Inspection> {
    assertReady()
    const known = ids.map(id => preparedImages.find(id)).filter((image): image is KnownImage => image !== undefined)
    return { textTokens: turns.length === 0 ? 0 : countText(turns, tools), known }
  }

  /**
   * The images of a request as they are sent, each read once, and whether it was there already.
   * @throws ImageExpiredError; whatever `file` throws; the reason of `signal`, at once: a file that is being read then is
   * small, and not kept
   */
  async function gather (
    images: EngineImage[], signal: AbortSignal
  ): Promise<Array<PreparedImage & { cached: boolean }>> {
    const missing = images.filter(image => image.file === undefined && preparedImages.get(image) === undefined)
    if (missing.length > 0) {
      const ids = [...new Set(missing.map(({ id }) => id))]
      throw withDetails(new ImageExpiredError(ids.join(', ')), { ids })
    }
    const reading = new Map<string, Promise<PreparedImage & { cached: boolean }>>()
    const read = async (image: EngineImage) => {
      const kept = preparedImages.get(image)
      if (kept) return { ...kept, cached: true }
      const path = await image.file!()
      signal.throwIfAborted()
      const prepared = await readPrepared(path)
      preparedImages.put(image, prepared)
      return { ...prepared, cached: false }
    }
    const outcomes = await untilAborted(Promise.allSettled(images.map(image => {
      const key = keyOf(image)
      const first = reading.get(key) ?? read(image)
      reading.set(key, first)
      return first
    })), signal)
    return outcomes.map(outcome => {
      if (outcome.status === 'rejected') throw outcome.reason
      return outcome.value
    })
  }

  /**
   * Sends a request to the least busy upstream, or to the next one where it is turned away: nothing was computed for it there. One that was lost on the way
   * is not sent again, since it may be what ended the upstream.
   * @throws errors of `errors/catalogue.ts`, the reason of `signal`
   */
  async function ask (
    request: GenerateRequest, images: PreparedImage[], asked: Asked, signal: AbortSignal
  ): Promise<{ upstream: Upstream, response: IncomingMessage }> {
    const conversation = beginningOf(request)
    let maxTokens = Math.max(1, Math.min(request.maxTokens, contextSize - 1 - asked.promptTokens))
    const post = (upstream: Upstream) => send({
      url: new URL('chat/completions', upstream.base),
      apiKey,
      headers: request.traceHeaders,
      body: createBody(request, images, upstream.model, maxTokens)
    }, signal)
    const tried = new Set<Upstream>()
    let failure: SightlineError | null = null
    for (let upstream = upstreams.take(conversation, tried); upstream; upstream = upstreams.take(conversation, tried)) {
      tried.add(upstream)
      let kept = false
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
          kept = true
          return { upstream, response }
        }
        const error = toError(refusal, asked, log, upstream.base.href)
        if (!isTurnedAway(refusal)) throw error
        if (refusal.status === 503) upstreams.doubt(upstream)
        // Busy goes before not ready: it says that trying again will help.
        if (!(failure instanceof ServerBusyError)) failure = error
      } catch (error) {
        if (!(error instanceof UnreachableError)) throw lostOr(error, upstream)
        upstreams.miss(upstream, error.message)
      } finally {
        if (!kept) upstreams.giveBack(upstream)
      }
    }
    throw failure ?? new EngineNotReadyError(upstreams.reason)
  }

  function lostOr (error: unknown, upstream: Upstream): unknown {
    const { href } = upstream.base
    if (error instanceof LostError) {
      log.warn({ upstream: href, reason: error.message }, 'the connection to the upstream was lost')
      upstreams.doubt(upstream)
      return new EngineCrashedError()
    }
    if (error instanceof MalformedStreamError) {
      log.error({ upstream: href, reason: error.message }, 'the upstream does not answer in OpenAI\'s dialect')
      return new EngineError()
    }
    return error
  }

  /** Reads an answer to its end. */
  async function * read (
    response: IncomingMessage, reader: CompletionReader, upstream: Upstream, asked: Asked, signal: AbortSignal
  ): AsyncGenerator<string> {
    if (!/^text\/event-stream\b/i.test(response.headers['content-type'] ?? '')) {
      throw new MalformedStreamError('it does not stream')
    }
    for await (const data of readSse(readBytes(response, signal))) {
      if (data === '[DONE]') break
      const { text, error } = reader.push(data)
      if (error !== undefined) throw toError(fromEvent(error), asked, log, upstream.base.href)
      if (text !== '') yield text
    }
    if (!reader.finished || reader.aborted) throw new LostError('the answer has no end')
    const calls = reader.calls()
    if (calls !== '') yield calls
  }

  async function * generate (request: GenerateRequest, outer: AbortSignal): AsyncGenerator<EngineEvent> {
    assertReady()
    outer.throwIfAborted()
    const own = new AbortController()
    running.add(own)
    try {
      yield * answer(request, AbortSignal.any([outer, own.signal]))
    } finally {
      running.delete(own)
    }
  }

  async function * answer (request: GenerateRequest, signal: AbortSignal): AsyncGenerator<EngineEvent> {
    const started = performance.now()
    const images = await gather(request.images, signal)
    const sent = performance.now()
    const imageTokens = request.turns.reduce(
      (sum, turn) => sum + imagesOf(turn).reduce((own, image) => own + tokensOf(request.images[image]!), 0), 0
    )
    const asked: Asked = {
      promptTokens: countText(request.turns, request.tools) + imageTokens, contextSize, tools: request.tools.length > 0
    }
    const { upstream, response } = await ask(request, images, asked, signal)
    let first = 0
    let said = ''
    try {
      const reader = new CompletionReader()
      for await (const text of read(response, reader, upstream, asked, signal)) {
        first ||= performance.now()
        said += text
        yield { type: 'token', text }
      }
      const { finishReason, usage } = reader.ending()
      const end = performance.now()
      first ||= end
      yield {
        type: 'done',
        finishReason,
        // Where it was not counted it is estimated.
        usage: {
          promptTokens: usage.promptTokens ?? asked.promptTokens,
          imageTokens: usage.imageTokens ?? imageTokens,
          cachedTokens: usage.cachedTokens ?? 0,
          completionTokens: usage.completionTokens ?? estimateTokens(said)
        },
        timings: {
          encodeMs: 0,
          prefillMs: toTenths(first - sent),
          decodeMs: toTenths(end - first),
          ttftMs: toTenths(first - started)
        },
        cachedImages: images.map(image => image.cached)
      }
    } catch (error) {
      throw lostOr(error, upstream)
    } finally {
      // Closing the connection is how an upstream learns that nobody wants the rest.
      response.destroy()
      upstreams.giveBack(upstream)
    }
  }

  return {
    ready: () => upstreams.firstReady,
    info,
    inspect,
    generate,
    async close () {
      closed = true
      for (const controller of running) controller.abort(new ShuttingDownError())
      upstreams.close()
      preparedImages.clear()
    }
  }
}

/** Null where the answer begins. */
async function refusalOf (response: IncomingMessage, signal: AbortSignal): Promise<Refusal | null> {
  if (response.statusCode === 200) return null
  try {
    return readRefusal(response, await readText(response, signal))
  } finally {
    // What is not sent yet of a request that is refused need not be.
    response.destroy()
  }
}

function imagesOf ({ parts, calls = [] }: Turn): number[] {
  return [...parts, ...calls.flatMap(call => call.result)].flatMap(part => part.type === 'image' ? [part.image] : [])
}

/** What a conversation begins with: it stays the same with every turn. */
function beginningOf ({ scope, turns, images }: GenerateRequest): string {
  const first = turns.slice(0, 1 + turns.findIndex(turn => turn.role === 'user'))
  return JSON.stringify([
    scope, first.map(({ parts }) => parts.map(part => part.type === 'text' ? part.text : images[part.image]!.id))
  ])
}

const toTenths = (ms: number) => Math.round(ms * 10) / 10
