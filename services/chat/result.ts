import type { ChatDone } from '../../schemas/chat.ts'
import type { EngineEvent, EngineInfo } from '../engine/engine.ts'
import { findBoxes, type PointedImage } from '../images/boxes.ts'
import type { Receipt } from '../../schemas/image.ts'
import type { PlacedImage } from './conversation.ts'
import type { ChatRequest } from './request.ts'

export interface ResultInput {
  request: ChatRequest
  info: EngineInfo
  /** The whole text of the answer. */
  text: string
  ending: Extract<EngineEvent, { type: 'done' }>
  images: PlacedImage[]
  /** In the order of `images`. */
  sizes: Array<Pick<PointedImage, 'original' | 'sent'>>
  /** In the order of the request's files. */
  receipts: Receipt[]
  prepareMs: number
  /** On the clock of `performance.now()`. */
  engineStart: number
  coordinates: 'pixels' | 'grid1000'
}

/** Builds the result that ends an answer. Times in it are in milliseconds. */
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
      thinking_tokens: usage.thinkingTokens,
      completion_tokens: usage.completionTokens
    },
    timings: {
      queue_ms: rounded(request.queueMs),
      upload_ms: rounded(request.uploadMs),
      prepare_ms: rounded(prepareMs),
      encode_ms: timings.encodeMs,
      prefill_ms: timings.prefillMs,
      thinking_ms: timings.thinkingMs,
      decode_ms: timings.decodeMs,
      ttft_ms: rounded(request.queueMs + engineStart - request.startedAt + timings.ttftMs),
      total_ms: rounded(request.queueMs + performance.now() - request.startedAt)
    },
    images: receipts.map((receipt, file) => {
      const own = images.findIndex(image => image.file === file)
      // The conversation uses only the first copy of an image that was sent twice.
      const place = own === -1 ? images.findIndex(image => image.id === receipt.id) : own
      return { ...receipt, cached: cachedImages[place]! }
    }),
    ...findBoxes(text, pointed, coordinates, questionOf(request)),
    model: info.model,
    request_id: request.requestId
  }
}

/** Returns the text of the user's latest turn. */
function questionOf ({ turns }: ChatRequest): string {
  const parts = turns.findLast(({ role }) => role === 'user')?.parts ?? []
  return parts.map(part => part.type === 'text' ? part.text : '').join('\n')
}

/** Rounds to a tenth of a millisecond. */
const rounded = (ms: number) => Math.round(ms * 10) / 10
