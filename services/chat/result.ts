import type { ChatDone } from '../../schemas/chat.ts'
import type { EngineEvent, EngineInfo } from '../engine/engine.ts'
import { findBoxes, type PointedImage } from '../images/boxes.ts'
import type { Receipt } from '../../schemas/image.ts'
import type { Image } from './conversation.ts'
import type { ChatRequest } from './request.ts'

export interface ResultInput {
  request: ChatRequest
  info: EngineInfo
  /** What the model said. */
  text: string
  ending: Extract<EngineEvent, { type: 'done' }>
  images: Image[]
  /** Sizes of `images`. */
  sizes: Array<Pick<PointedImage, 'original' | 'sent'>>
  /** Of the request's files. */
  receipts: Receipt[]
  prepareMs: number
  /** On the clock of `performance.now()`. */
  engineStart: number
  coordinates: 'pixels' | 'grid1000'
}

/** What is told at the end of an answer. */
export function createResult (
  { request, info, text, ending, images, sizes, receipts, prepareMs, engineStart, coordinates }: ResultInput
): ChatDone {
  const { finishReason, usage, timings, cachedImages } = ending
  const pointed = images.map(({ id, latest }, index): PointedImage => ({ id, latest, ...sizes[index]! }))
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
    images: receipts.map((receipt, file) => {
      const own = images.findIndex(image => image.file === file)
      // A second copy stands nowhere itself.
      const place = own === -1 ? images.findIndex(image => image.id === receipt.id) : own
      return { ...receipt, cached: cachedImages[place]! }
    }),
    ...findBoxes(text, pointed, coordinates, questionOf(request)),
    model: info.model,
    request_id: request.requestId
  }
}

/** What the latest turn of the user says, without its images. */
function questionOf ({ turns }: ChatRequest): string {
  const parts = turns.findLast(({ role }) => role === 'user')?.parts ?? []
  return parts.map(part => part.type === 'text' ? part.text : '').join('\n')
}

/** To a tenth of a millisecond. */
const rounded = (ms: number) => Math.round(ms * 10) / 10
