import { Type, type Static } from 'typebox'
import { BoxSchema, IMAGE_ID_PATTERN, PointSchema, ReceiptSchema } from './image.ts'
import {
  HISTORY_MAX_TURNS, MAX_TOKENS_MAX, MESSAGE_MAX_CHARACTERS, NAMED_IMAGES_MAX, STOP_MAX_CHARACTERS, STOP_MAX_STRINGS, TURN_MAX_IMAGES
} from './limits.ts'
import { ResponseFormatSchema } from './response-format.ts'

export const HistoryTurnSchema = Type.Object({
  role: Type.Union([Type.Literal('user'), Type.Literal('assistant')], { description: 'Who spoke' }),
  content: Type.String({ maxLength: MESSAGE_MAX_CHARACTERS, description: 'What was said, up to 32,000 characters' }),
  images: Type.Optional(Type.Array(Type.String({ pattern: IMAGE_ID_PATTERN }), {
    maxItems: TURN_MAX_IMAGES,
    description: 'Ids of images of this earlier turn, as their receipts gave them; only on turns of the user. ' +
      `A request may name ${NAMED_IMAGES_MAX} different images`
  }))
}, { title: 'HistoryTurn', additionalProperties: false })
export type HistoryTurn = Static<typeof HistoryTurnSchema>

/** What a request says beside its images. In multipart bodies numbers are decimal strings and `history` is JSON. */
export const ChatFieldsSchema = Type.Object({
  message: Type.String({
    minLength: 1, maxLength: MESSAGE_MAX_CHARACTERS, description: 'The question, 1 to 32,000 characters'
  }),
  history: Type.Optional(
    Type.Array(HistoryTurnSchema, { maxItems: HISTORY_MAX_TURNS, description: 'Earlier turns, the oldest first' })
  ),
  system: Type.Optional(
    Type.String({ maxLength: MESSAGE_MAX_CHARACTERS, description: 'System prompt; empty: the model\'s own' })
  ),
  max_tokens: Type.Optional(Type.Integer({
    minimum: 1,
    maximum: MAX_TOKENS_MAX,
    default: 1024,
    description: 'Most tokens of the answer; lowered to what the context leaves'
  })),
  temperature: Type.Optional(Type.Number({
    minimum: 0, maximum: 2, description: '0 always takes the likeliest token; the default depends on the model'
  })),
  top_p: Type.Optional(Type.Number({
    exclusiveMinimum: 0,
    maximum: 1,
    description: 'Only the likeliest tokens that together have this probability; 1 for no limit'
  })),
  top_k: Type.Optional(
    Type.Integer({ minimum: 0, maximum: 1000, description: 'Only so many of the likeliest tokens; 0 for no limit' })
  ),
  min_p: Type.Optional(Type.Number({
    minimum: 0,
    maximum: 1,
    description: 'Only tokens with at least this part of the likeliest one\'s probability; 0 for no limit'
  })),
  repeat_penalty: Type.Optional(Type.Number({
    minimum: 0.5, maximum: 2, default: 1, description: 'Against tokens that the last 64 of the answer have; 1 for none'
  })),
  seed: Type.Optional(Type.Integer({
    minimum: 0,
    maximum: 4_294_967_295,
    description: 'The same seed and request give the same answer on the same machine'
  })),
  stop: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: STOP_MAX_CHARACTERS }), {
    maxItems: STOP_MAX_STRINGS, description: 'The answer ends before any of these strings'
  })),
  response_format: Type.Optional(ResponseFormatSchema)
}, { additionalProperties: false })
export type ChatFields = Static<typeof ChatFieldsSchema>

export const UsageSchema = Type.Object({
  prompt_tokens: Type.Integer({ description: 'All tokens of the prompt, those of pictures included' }),
  image_tokens: Type.Integer({ description: 'Tokens of pictures' }),
  cached_tokens: Type.Integer({ description: 'Tokens of the prompt that were not evaluated again' }),
  completion_tokens: Type.Integer({ description: 'Tokens of the answer' })
}, { title: 'Usage', additionalProperties: false })

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
}, { title: 'Timings', additionalProperties: false })

/** What both ways of asking tell at the end. */
const ending = {
  success: Type.Literal(true, { description: 'Always true' }),
  finish_reason: Type.Union([Type.Literal('stop'), Type.Literal('length')], {
    description: '`length`: cut off by max_tokens or a full context'
  }),
  usage: UsageSchema,
  timings: TimingsSchema,
  images: Type.Array(ReceiptSchema, {
    description: 'A receipt for each picture of this request, in upload order; those of `history_images` come last'
  }),
  boxes: Type.Array(BoxSchema, {
    description: 'Boxes that the answer names, in pixels of the pictures that were sent'
  }),
  points: Type.Array(PointSchema, {
    description: 'Points that the answer names, in pixels of the pictures that were sent'
  }),
  model: Type.String({ description: 'Name of the model that answered' }),
  request_id: Type.String({ description: 'As in the header `x-request-id` and in the log' })
}
export const ChatDoneSchema = Type.Object(ending, { title: 'ChatDone', additionalProperties: false })
export type ChatDone = Static<typeof ChatDoneSchema>

export const ChatAnswerSchema = Type.Object({ ...ending, response: Type.String({ description: 'The answer' }) }, {
  title: 'ChatAnswer', additionalProperties: false
})
export type ChatAnswer = Static<typeof ChatAnswerSchema>

export const ErrorSchema = Type.Object({
  error: Type.String({ description: 'A sentence for a person' }),
  code: Type.String({ description: 'UPPER_SNAKE, stable' }),
  request_id: Type.String({ description: 'As in the header `x-request-id` and in the log' }),
  field: Type.Optional(Type.String({ description: 'The field at fault, e.g. `images[1]`' })),
  image: Type.Optional(Type.Integer({ description: 'Index of the picture at fault among the receipts' })),
  ids: Type.Optional(Type.Array(Type.String(), { description: 'IMAGE_EXPIRED: the pictures to be sent again' }))
}, {
  title: 'Error', additionalProperties: true, description: 'More fields for some codes, as the table of codes says'
})

/** Data of the events of `/api/chat_stream`. */
export const ChatEventSchema = Type.Union([
  Type.Object({ images: Type.Integer({ description: 'Pictures of this request' }) }, {
    title: 'AcceptedEvent', description: '`accepted`, the first: fields are right, headers are read, everything fits'
  }),
  ReceiptSchema,
  Type.Object({
    stage: Type.Union([Type.Literal('encode'), Type.Literal('prefill')], {
      description: 'Pictures to embeddings, or prompt to KV cache'
    }),
    done: Type.Integer({ description: 'Of `total`' }),
    total: Type.Integer({ description: 'Pictures (encode) or tokens (prefill)' })
  }, { title: 'ProgressEvent', description: '`progress`' }),
  Type.Object({ text: Type.String({ description: 'Whole characters, never a part of a stop string' }) }, {
    title: 'TokenEvent', description: '`token`'
  }),
  ChatDoneSchema,
  ErrorSchema
], {
  title: 'ChatEvent',
  description: 'Server-sent events, JSON as data: `accepted`, `image` (a receipt each), `progress`, `token`, then `done` or `error`; a comment line every 15 s'
})
