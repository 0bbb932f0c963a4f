import { Type, type Static } from 'typebox'
import { ReceiptSchema } from '../services/images/receipt.ts'

export const MESSAGE_MAX_CHARACTERS = 32_000
export const HISTORY_MAX_TURNS = 200
export const IMAGE_ID_PATTERN = '^sha256:[0-9a-f]{64}$'

export const HistoryTurnSchema = Type.Object({
  role: Type.Union([Type.Literal('user'), Type.Literal('assistant')]),
  content: Type.String({ maxLength: MESSAGE_MAX_CHARACTERS }),
  images: Type.Optional(Type.Array(Type.String({ pattern: IMAGE_ID_PATTERN }), {
    maxItems: 64,
    description: 'Ids of pictures of this earlier turn, as their receipts gave them; only on turns of the user'
  }))
}, { additionalProperties: false })
export type HistoryTurn = Static<typeof HistoryTurnSchema>

/** What a request says beside its pictures. In multipart bodies numbers are decimal strings and `history` is JSON. */
export const ChatFieldsSchema = Type.Object({
  message: Type.String({ minLength: 1, maxLength: MESSAGE_MAX_CHARACTERS, description: 'The question, 1 to 32,000 characters' }),
  history: Type.Optional(Type.Array(HistoryTurnSchema, { maxItems: HISTORY_MAX_TURNS, description: 'Earlier turns, the oldest first' })),
  system: Type.Optional(Type.String({ maxLength: MESSAGE_MAX_CHARACTERS, description: 'System prompt; empty: the model\'s own' })),
  max_tokens: Type.Optional(Type.Integer({ minimum: 1, maximum: 131_072, default: 1024, description: 'Most tokens of the answer; lowered to what the context leaves' })),
  temperature: Type.Optional(Type.Number({ minimum: 0, maximum: 2, description: '0 always takes the likeliest token; the default depends on the model' })),
  top_p: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1 })),
  top_k: Type.Optional(Type.Integer({ minimum: 0, maximum: 1000, description: '0 for no limit' })),
  min_p: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  repeat_penalty: Type.Optional(Type.Number({ minimum: 0.5, maximum: 2, description: '1 for none' })),
  seed: Type.Optional(Type.Integer({ minimum: 0, maximum: 4_294_967_295, description: 'The same seed and request give the same answer on the same machine' })),
  stop: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 100 }), { maxItems: 4, description: 'The answer ends before any of these strings' }))
}, { additionalProperties: false })
export type ChatFields = Static<typeof ChatFieldsSchema>

export const UsageSchema = Type.Object({
  prompt_tokens: Type.Integer({ description: 'All tokens of the prompt, those of pictures included' }),
  image_tokens: Type.Integer({ description: 'Tokens of pictures' }),
  cached_tokens: Type.Integer({ description: 'Tokens of the prompt that were not evaluated again' }),
  completion_tokens: Type.Integer({ description: 'Tokens of the answer' })
}, { additionalProperties: false })

const ms = (description: string) => Type.Number({ description: `Milliseconds: ${description}` })
export const TimingsSchema = Type.Object({
  queue_ms: ms('waiting for a slot'),
  upload_ms: ms('receiving the body'),
  prepare_ms: ms('reading headers, planning and preparing pictures'),
  encode_ms: ms('turning pictures into embeddings'),
  prefill_ms: ms('evaluating the prompt'),
  decode_ms: ms('generating the answer'),
  ttft_ms: ms('from the request to the first token'),
  total_ms: ms('the whole request')
}, { additionalProperties: false })

/** What both ways of asking tell at the end. */
const ending = {
  success: Type.Literal(true),
  finish_reason: Type.Union([Type.Literal('stop'), Type.Literal('length')], { description: '`length`: cut off by max_tokens or a full context' }),
  usage: UsageSchema,
  timings: TimingsSchema,
  images: Type.Array(ReceiptSchema, { description: 'A receipt for each picture of this request, in upload order' }),
  model: Type.String(),
  request_id: Type.String()
}
export const ChatDoneSchema = Type.Object(ending, { additionalProperties: false })
export type ChatDone = Static<typeof ChatDoneSchema>

export const ChatAnswerSchema = Type.Object({ ...ending, response: Type.String({ description: 'The answer' }) }, { additionalProperties: false })
export type ChatAnswer = Static<typeof ChatAnswerSchema>

export const ErrorSchema = Type.Object({
  error: Type.String({ description: 'A sentence for a person' }),
  code: Type.String({ description: 'UPPER_SNAKE, stable' }),
  request_id: Type.String()
}, { additionalProperties: true })
