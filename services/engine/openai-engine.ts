import { EngineNotReadyError, ShuttingDownError } from '../../errors/catalogue.ts'
import { verbatim } from '../../errors/language.ts'
import { NOT_READY } from '../../errors/phrases.ts'
import type { Log } from '../log.ts'
import type {
  Engine, EngineEvent, EngineInfo, GenerateRequest, Inspection, Tool, Turn, VisionInfo
} from './engine.ts'
import { AnswerStream } from './upstream/answer-stream.ts'
import { UpstreamClient } from './upstream/client.ts'
import { estimatePrompt } from './upstream/estimate.ts'
import type { RequestSummary } from './upstream/failure.ts'
import { gatherImages } from './upstream/gather.ts'
import { TOOL_SYNTAX } from './upstream/messages.ts'
import { displayNameOf } from './upstream/models.ts'
import { PreparedImages } from './upstream/prepared-images.ts'
import { createUpstreams } from './upstream/upstreams.ts'

/** Thoughts that an upstream may need for an answer although they are off, if it cannot stop thinking. */
const UNWANTED_THOUGHTS_MIN = 4096

export interface OpenAiEngineOptions {
  log: Log
  /** Base URLs of the upstreams, each with a slash at its end. */
  urls: readonly string[]
  /** Empty to send no key. */
  apiKey: string
  /** Empty to use the first model that each upstream lists. */
  model: string
  /** Context size of the upstreams: tokens of one request. */
  contextSize: number
  /** Maximum of concurrent requests. */
  slots: number
  /** Null for a model that cannot see images. */
  vision: VisionInfo | null
  /** Limit for the prepared images that are kept. */
  imageCacheBytes: number
  /** MAX_THINKING_TOKENS. */
  maxThinkingTokens: number
}

/**
 * Creates an engine that requests answers from other servers through the OpenAI-compatible API: vLLM, SGLang,
 * llama-server or another Sightline.
 */
export function createOpenAiEngine (
  { log, urls, apiKey, model, contextSize, slots, vision, imageCacheBytes, maxThinkingTokens }: OpenAiEngineOptions
): Engine {
  const upstreams = createUpstreams({ urls, apiKey, model, log })
  const tokensOf = ({ width, height }: { width: number, height: number }) =>
    vision === null ? 0 : width * height / vision.multiple ** 2
  const preparedImages = new PreparedImages(imageCacheBytes, tokensOf)
  const unwantedThoughts = Math.max(UNWANTED_THOUGHTS_MIN, maxThinkingTokens)
  const client = new UpstreamClient({ upstreams, apiKey, log })
  /** The estimates of `inspect`, which `generate` needs again. */
  const textTokens = new WeakMap<Turn[], number>()
  /** Aborts each running request. */
  const running = new Set<AbortController>()
  let closed = false

  function info (): EngineInfo {
    const state = closed ? 'closed' : upstreams.ready ? 'ready' : upstreams.everReady ? 'restarting' : 'starting'
    return {
      state,
      reason: closed ? NOT_READY.shuttingDown : state === 'ready' ? verbatim('') : upstreams.reason,
      model: displayNameOf(upstreams.model),
      architecture: '',
      demo: false,
      device: 'upstream',
      contextSize,
      slots,
      vision,
      tools: TOOL_SYNTAX,
      thinking: 'optional',
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
    const tokens = textTokens.get(turns) ?? estimatePrompt(turns, tools, contextSize)
    textTokens.set(turns, tokens)
    return tokens
  }

  async function inspect (turns: Turn[], tools: Tool[], ids: string[]): Promise<Inspection> {
    assertReady()
    const known = ids.flatMap(id => preparedImages.sizesOf(id))
    return { textTokens: turns.length === 0 ? 0 : countText(turns, tools), known }
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
    const images = await gatherImages(request.images, preparedImages, signal)
    const imageTokens = request.turns.reduce(
      (sum, turn) => sum + imagesOf(turn).reduce((own, image) => own + tokensOf(request.images[image]!), 0), 0
    )
    const promptTokens = countText(request.turns, request.tools) + imageTokens
    const summary: RequestSummary = {
      promptTokens, contextSize, tools: request.tools.length > 0, thinkingField: request.thinkingField
    }
    const stream = new AnswerStream({ client, question: { request, images, summary }, unwantedThoughts, log })
    const { finishReason, usage, timings, firstEvent } = yield * stream.read(signal)
    yield {
      type: 'done',
      finishReason,
      // Estimates replace the counts that the upstream does not report.
      usage: {
        promptTokens: usage.promptTokens ?? promptTokens,
        imageTokens: usage.imageTokens ?? imageTokens,
        cachedTokens: usage.cachedTokens ?? 0,
        thinkingTokens: usage.thinkingTokens,
        completionTokens: usage.completionTokens
      },
      timings: {
        encodeMs: 0,
        prefillMs: toTenths(timings.prefillMs),
        thinkingMs: toTenths(timings.thinkingMs),
        decodeMs: toTenths(timings.decodeMs),
        ttftMs: toTenths(firstEvent - started)
      },
      cachedImages: images.map(image => image.cached)
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

function imagesOf ({ parts, calls = [] }: Turn): number[] {
  return [...parts, ...calls.flatMap(call => call.result)].flatMap(part => part.type === 'image' ? [part.image] : [])
}

const toTenths = (ms: number) => Math.round(ms * 10) / 10
