import { EngineNotReadyError, ImageExpiredError, NoVisionError, PromptTooLongError, withDetails } from '../../errors.ts'
import type { ChatDone, ChatFields } from '../../schemas/chat.ts'
import type { Engine, EngineEvent, EngineImage, EngineInfo, KnownImage } from '../engine/engine.ts'
import { inspectImage, type ImageHeader } from '../images/inspect.ts'
import type { PlanBounds, PlannedSize } from '../images/plan.ts'
import type { PreparedImage } from '../images/prepare.ts'
import type { Preparer } from '../images/preparer.ts'
import { createReceipt, type Receipt } from '../images/receipt.ts'
import type { Log } from '../log.ts'
import { planBudget } from './budget.ts'
import { createConversation, type Conversation } from './conversation.ts'

/** A picture as it came, lying on disk. */
export interface UploadedFile {
  path: string
  /** How sentences name it, e.g. `images[1] ("dog.jpg")`. */
  label: string
  bytes: number
  /** `sha256:<64 hex digits>` of its bytes. */
  id: string
}

export interface ChatRequest {
  fields: ChatFields
  files: UploadedFile[]
  requestId: string
  /** When the request was admitted, on the clock of `performance.now()`. */
  startedAt: number
  queueMs: number
  uploadMs: number
}

/** What happens in the course of an answer, in this order. An error before `accepted` means that nothing was begun. */
export type ChatEvent =
  | { type: 'accepted', images: number }
  | { type: 'image', receipt: Receipt }
  | { type: 'progress', stage: 'encode' | 'prefill', done: number, total: number }
  | { type: 'token', text: string }
  | { type: 'done', result: ChatDone }

export interface ChatServiceOptions {
  engine: Engine
  preparer: Preparer
  limits: { maxInputPixels: number, maxSide: number, maxPixels: number }
}

export interface ChatService {
  /**
   * Answers a question about pictures. The iterable settles only when nothing works on the request's files any more.
   * @throws errors of `errors.ts`; the reason of `signal`
   */
  answer (request: ChatRequest, signal: AbortSignal, log: Log): AsyncGenerator<ChatEvent>
}

const DEFAULT_MAX_TOKENS = 1024
/** No text has fewer tokens than one for so many characters; long runs of blanks come nearest. */
const MAX_CHARACTERS_PER_TOKEN = 32
/** For a model that cannot see; no picture reaches the plan then. */
const BLIND = { multiple: 28, minTokens: 1, maxTokens: 1 }

interface Planned {
  file: UploadedFile
  header: ImageHeader
  size: PlannedSize
  /** The engine has this picture's embedding in just this size. */
  cached: boolean
}

export function createChatService ({ engine, preparer, limits }: ChatServiceOptions): ChatService {
  /** Reads every header and sizes every picture; whatever is wrong with the request comes to light here. */
  async function plan ({ fields, files }: ChatRequest, info: EngineInfo, conversation: Conversation): Promise<{ planned: Planned[], known: Map<string, KnownImage> }> {
    if (conversation.ids.length > 0 && info.vision === null) throw new NoVisionError()
    const headers = await readHeaders(files, limits)
    refuseHopelessText(conversation, info.contextSize)
    const { textTokens, known: found } = await engine.inspect(conversation.turns, [...new Set(conversation.ids)])
    const known = new Map(found.map(image => [image.id, image]))

    const earlier = conversation.ids.slice(0, conversation.historyCount)
    const expired = [...new Set(earlier.filter(id => !known.has(id)))]
    if (expired.length > 0) throw withDetails(new ImageExpiredError(expired.join(', ')), { ids: expired })

    const bounds: PlanBounds = { ...info.vision ?? BLIND, ...limits }
    const sizes = planBudget({
      contextSize: info.contextSize,
      textTokens,
      historyTokens: earlier.reduce((sum, id) => sum + known.get(id)!.tokens, 0),
      maxTokens: fields.max_tokens ?? DEFAULT_MAX_TOKENS,
      uploads: headers,
      bounds
    })
    const planned = files.map((file, index) => {
      const size = sizes[index]!
      const before = known.get(file.id)
      return { file, header: headers[index]!, size, cached: before?.width === size.width && before.height === size.height }
    })
    return { planned, known }
  }

  async function prepare (planned: Planned[], signal: AbortSignal, log: Log): Promise<PreparedImage[]> {
    if (planned.length === 0) return []
    log.info({ images: planned.length }, 'image preparation started')
    const prepared = await preparer.prepareAll(planned.map(({ file, header, size }) => ({ file, header, target: size })), signal)
    log.info({ compressed: prepared.filter(image => image.compressed).length }, 'image preparation finished')
    return prepared
  }

  async function * answer (request: ChatRequest, signal: AbortSignal, log: Log): AsyncGenerator<ChatEvent> {
    const info = engine.info()
    if (info.state !== 'ready') throw new EngineNotReadyError(info.reason)
    const prepareStart = performance.now()
    const conversation = createConversation(request.fields, request.files.map(file => file.id))
    const { planned, known } = await plan(request, info, conversation)
    signal.throwIfAborted()
    yield { type: 'accepted', images: planned.length }

    const prepared = await prepare(planned, signal, log)
    const receipts = planned.map(({ file, header, size, cached }, index) =>
      createReceipt({ id: file.id, bytes: file.bytes, header, planned: size, compressed: prepared[index]!.compressed, cached }))
    for (const receipt of receipts) yield { type: 'image', receipt }
    const prepareMs = performance.now() - prepareStart

    const engineStart = performance.now()
    for await (const event of engine.generate(toEngineRequest(request.fields, conversation, known, prepared), signal)) {
      if (event.type !== 'done') yield event
      else yield { type: 'done', result: toResult(request, event, receipts, { prepareMs, engineStart, model: info.model }) }
    }
  }

  return { answer }
}

async function readHeaders (files: UploadedFile[], limits: { maxInputPixels: number }): Promise<ImageHeader[]> {
  const headers = await Promise.allSettled(files.map(file => inspectImage(file, limits)))
  return headers.map((outcome, image) => {
    if (outcome.status === 'fulfilled') return outcome.value
    throw withDetails(outcome.reason, { image })
  })
}

/** Counting tokens of megabytes that can never fit would hold up everybody's answers. */
function refuseHopelessText ({ turns }: Conversation, contextSize: number): void {
  const characters = turns.flatMap(turn => turn.parts).reduce((sum, part) => sum + (part.type === 'text' ? part.text.length : 0), 0)
  const tokens = Math.ceil(characters / MAX_CHARACTERS_PER_TOKEN)
  if (tokens > contextSize) throw new PromptTooLongError(tokens, contextSize)
}

function toEngineRequest (fields: ChatFields, { turns, ids, historyCount }: Conversation, known: Map<string, KnownImage>, prepared: PreparedImage[]) {
  const images = ids.map((id, index): EngineImage => {
    const image = prepared[index - historyCount] ?? known.get(id)!
    const { width, height } = image
    return 'path' in image ? { id, width, height, path: image.path } : { id, width, height }
  })
  return {
    turns,
    images,
    maxTokens: fields.max_tokens ?? DEFAULT_MAX_TOKENS,
    stop: fields.stop ?? [],
    sampling: {
      temperature: fields.temperature,
      topP: fields.top_p,
      topK: fields.top_k,
      minP: fields.min_p,
      repeatPenalty: fields.repeat_penalty,
      seed: fields.seed
    }
  }
}

function toResult (
  request: ChatRequest,
  { finishReason, usage, timings, cachedImages }: Extract<EngineEvent, { type: 'done' }>,
  receipts: Receipt[],
  { prepareMs, engineStart, model }: { prepareMs: number, engineStart: number, model: string }
): ChatDone {
  const uploads = cachedImages.slice(cachedImages.length - receipts.length)
  return {
    success: true,
    finish_reason: finishReason,
    usage: {
      prompt_tokens: usage.promptTokens,
      image_tokens: usage.imageTokens,
      cached_tokens: usage.cachedTokens,
      completion_tokens: usage.completionTokens
    },
    timings: {
      queue_ms: rounded(request.queueMs),
      upload_ms: rounded(request.uploadMs),
      prepare_ms: rounded(prepareMs),
      encode_ms: timings.encodeMs,
      prefill_ms: timings.prefillMs,
      decode_ms: timings.decodeMs,
      ttft_ms: rounded(request.queueMs + engineStart - request.startedAt + timings.ttftMs),
      total_ms: rounded(request.queueMs + performance.now() - request.startedAt)
    },
    images: receipts.map((receipt, index) => ({ ...receipt, cached: uploads[index]! })),
    model,
    request_id: request.requestId
  }
}

/** To a tenth of a millisecond. */
const rounded = (ms: number) => Math.round(ms * 10) / 10
