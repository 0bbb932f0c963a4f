import { Type, type Static } from 'typebox'
import { FIELD_FAULTS } from '../errors/phrases.ts'
import { BoxSchema, IMAGE_ID_PATTERN, PointSchema, ReceiptSchema } from './image.ts'
import {
  HISTORY_MAX_TURNS, MAX_TOKENS_MAX, MESSAGE_MAX_CHARACTERS, NAMED_IMAGES_MAX, STOP_MAX_CHARACTERS, STOP_MAX_STRINGS,
  TURN_MAX_IMAGES
} from './limits.ts'
import { FramesSchema, PageListsSchema } from './parts.ts'
import { ResponseFormatSchema } from './response-format.ts'

/** Requests, answers and events of `/api`. Routes check bodies against these schemas. */

const HistoryTurnSchema = Type.Object({
  role: Type.Union([Type.Literal('user'), Type.Literal('assistant')], { description: 'Author of the turn' }),
  content: Type.String({ maxLength: MESSAGE_MAX_CHARACTERS, description: 'The text, up to 32,000 characters' }),
  images: Type.Optional(Type.Array(Type.String({ pattern: IMAGE_ID_PATTERN, fault: FIELD_FAULTS.mustBeImageId }), {
    maxItems: TURN_MAX_IMAGES,
    description: 'Ids of the images of this turn, as on their receipts; only for turns of the user. A request may ' +
      `name ${NAMED_IMAGES_MAX} different images`
  }))
}, { title: 'HistoryTurn', additionalProperties: false })
export type HistoryTurn = Static<typeof HistoryTurnSchema>

/** Text fields of a request. In a form numbers are decimal strings, and `history` and `response_format` are JSON. */
export const ChatFieldsSchema = Type.Object({
  message: Type.String({
    minLength: 1, maxLength: MESSAGE_MAX_CHARACTERS, description: 'The question, 1 to 32,000 characters'
  }),
  history: Type.Optional(Type.Array(HistoryTurnSchema, {
    maxItems: HISTORY_MAX_TURNS,
    description: 'Earlier turns, oldest first',
    fault: FIELD_FAULTS.mustBeTurns,
    counted: { en: 'turns', zh: '轮' }
  })),
  system: Type.Optional(Type.String({
    maxLength: MESSAGE_MAX_CHARACTERS, description: 'System prompt; if it is empty, the model uses its own'
  })),
  max_tokens: Type.Optional(Type.Integer({
    minimum: 1,
    maximum: MAX_TOKENS_MAX,
    default: 1024,
    description: 'Maximum number of tokens of the answer without its thoughts; reduced to the room that is left in ' +
      'the context'
  })),
  thinking: Type.Optional(Type.Union([
    Type.Literal('off'), Type.Literal('on'), Type.Integer({ minimum: 0, maximum: MAX_TOKENS_MAX })
  ], {
    description: 'Whether the model thinks before it answers, or the maximum number of tokens of its thoughts, at ' +
      'most MAX_THINKING_TOKENS. `on` allows that many, 0 means `off`. The default is THINKING (`off`). A model that ' +
      'always thinks does so even if it is `off`',
    fault: FIELD_FAULTS.mustBeThinking
  })),
  temperature: Type.Optional(Type.Number({
    minimum: 0, maximum: 2, description: '0 always takes the most likely token; the default depends on the model'
  })),
  top_p: Type.Optional(Type.Number({
    exclusiveMinimum: 0,
    maximum: 1,
    description: 'Sample only from the most likely tokens that together have this probability; 1: no limit'
  })),
  top_k: Type.Optional(Type.Integer({
    minimum: 0, maximum: 1000, description: 'Sample only from this many most likely tokens; 0: no limit'
  })),
  min_p: Type.Optional(Type.Number({
    minimum: 0,
    maximum: 1,
    description: 'Sample only tokens with at least this fraction of the highest probability; 0: no limit'
  })),
  repeat_penalty: Type.Optional(Type.Number({
    minimum: 0.5,
    maximum: 2,
    default: 1,
    description: 'Penalty on tokens that occur among the last 64 of the answer; 1: none'
  })),
  seed: Type.Optional(Type.Integer({
    minimum: 0,
    maximum: 4_294_967_295,
    description: 'The same seed and request give the same answer on the same machine'
  })),
  stop: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: STOP_MAX_CHARACTERS }), {
    maxItems: STOP_MAX_STRINGS, description: 'The answer ends before any of these strings'
  })),
  response_format: Type.Optional(ResponseFormatSchema),
  pages: PageListsSchema,
  frames: FramesSchema
}, { additionalProperties: false })
export type ChatFields = Static<typeof ChatFieldsSchema>

const filesSchema = (description: string) => Type.Optional(Type.Array(
  Type.Unsafe<string>({ type: 'string', format: 'binary', fault: FIELD_FAULTS.mustBeDataUri }),
  { description, fault: FIELD_FAULTS.mustBeDataUris }
))

/**
 * A request of `/api`. The OpenAPI document describes it as a form, because generated clients support one kind of body
 * per operation and can send files only in a form. In a JSON body the files are data URIs.
 */
export const ChatFormSchema = Type.Object({
  ...ChatFieldsSchema.properties,
  images: filesSchema(
    'Images: JPEG, PNG, WebP, AVIF, HEIC, GIF, TIFF (first page) or PDF; one field for each, at most MAX_IMAGES (8)'
  ),
  history_images: filesSchema('Images of `history`, sent again after 410 IMAGE_EXPIRED; counted with `images`')
}, {
  title: 'ChatForm',
  additionalProperties: false,
  description: 'Numbers are decimal strings; `response_format` is JSON; `history` is a JSON list, or a repeated ' +
    'field with one turn each. An application/json body with the same fields is accepted too, with images as data URIs'
})
export type ChatForm = Static<typeof ChatFormSchema>

export const UsageSchema = Type.Object({
  prompt_tokens: Type.Integer({ description: 'Tokens of the prompt, images included' }),
  image_tokens: Type.Integer({ description: 'Tokens of the images in the prompt' }),
  cached_tokens: Type.Integer({ description: 'Tokens of the prompt that came from the KV cache' }),
  thinking_tokens: Type.Integer({ description: 'Tokens of the thoughts' }),
  completion_tokens: Type.Integer({ description: 'Tokens of the answer, without the thoughts' })
}, { title: 'Usage', additionalProperties: false })

const ms = (description: string) => Type.Number({ description: `Milliseconds: ${description}` })
export const TimingsSchema = Type.Object({
  queue_ms: ms('waiting for a slot'),
  upload_ms: ms('receiving the body'),
  prepare_ms: ms('finding pages and frames, reading headers, planning and preparing images'),
  encode_ms: ms('encoding images'),
  prefill_ms: ms('evaluating the prompt'),
  thinking_ms: ms('generating the thoughts'),
  decode_ms: ms('generating the answer'),
  ttft_ms: ms('from the start of the request to the first token, of the thoughts if there are any'),
  total_ms: ms('the whole request')
}, { title: 'Timings', additionalProperties: false })

const ending = {
  success: Type.Literal(true, { description: 'Always true' }),
  finish_reason: Type.Union([Type.Literal('stop'), Type.Literal('length')], {
    description: '`length`: max_tokens or the end of the context cut the answer off'
  }),
  usage: UsageSchema,
  timings: TimingsSchema,
  images: Type.Array(ReceiptSchema, {
    description: 'A receipt for each image of this request, in upload order; those of `history_images` come last'
  }),
  boxes: Type.Array(BoxSchema, { description: 'Boxes in the answer, in pixels of the images that were sent' }),
  points: Type.Array(PointSchema, { description: 'Points in the answer, in pixels of the images that were sent' }),
  model: Type.String({ description: 'Name of the model that answered' }),
  request_id: Type.String({ description: 'The same as in the header `x-request-id` and in the log' })
}
/** The end of an answer: all but its texts. */
export const ChatDoneSchema = Type.Object(ending, { title: 'ChatDone', additionalProperties: false })
export type ChatDone = Static<typeof ChatDoneSchema>

export const ChatAnswerSchema = Type.Object({
  ...ending,
  response: Type.String({ description: 'The answer' }),
  thoughts: Type.String({ description: 'What the model thought before it answered; empty without thoughts' })
}, { title: 'ChatAnswer', additionalProperties: false })
export type ChatAnswer = Static<typeof ChatAnswerSchema>

export const ErrorSchema = Type.Object({
  error: Type.String({ description: 'Message for people' }),
  code: Type.String({ description: 'Stable error code, for programs' }),
  request_id: Type.String({ description: 'The same as in the header `x-request-id` and in the log' }),
  field: Type.Optional(Type.String({ description: 'The field at fault, e.g. `images[1]`' })),
  image: Type.Optional(Type.Integer({ description: 'Index of the image at fault among the receipts' })),
  ids: Type.Optional(Type.Array(Type.String(), { description: 'IMAGE_EXPIRED: the images to send again' }))
}, {
  title: 'Error',
  additionalProperties: true,
  description: 'Some codes have more fields; the table of error codes lists them'
})

/** Data of the events of `/api/chat_stream`. */
export const ChatEventSchema = Type.Union([
  Type.Object({ images: Type.Integer({ description: 'Number of images of this request' }) }, {
    title: 'AcceptedEvent',
    description: '`accepted`, the first event: the fields are valid, the image headers are read, everything fits'
  }),
  ReceiptSchema,
  Type.Object({
    stage: Type.Union([Type.Literal('encode'), Type.Literal('prefill')], {
      description: 'Encoding images, or evaluating the prompt'
    }),
    done: Type.Integer({ description: 'Finished part of `total`' }),
    total: Type.Integer({ description: 'Number of images (encode) or tokens (prefill)' })
  }, { title: 'ProgressEvent', description: '`progress`' }),
  Type.Object({ text: Type.String({ description: 'Whole characters of the thoughts' }) }, {
    title: 'ThoughtEvent', description: '`thought`, before the first `token`'
  }),
  Type.Object({ text: Type.String({ description: 'Whole characters, never a part of a stop string' }) }, {
    title: 'TokenEvent', description: '`token`'
  }),
  ChatDoneSchema,
  ErrorSchema
], {
  title: 'ChatEvent',
  description: 'Server-sent events with JSON as data: `accepted`, `image` (a receipt for each image), `progress`, ' +
    '`thought`, `token`, then `done` or `error`; a comment line every 15 s'
})
