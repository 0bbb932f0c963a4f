import { Type, type Static, type TSchema } from 'typebox'
import { TimingsSchema } from './chat.ts'
import { BoxSchema, PointSchema, ReceiptSchema } from './image.ts'

/** Answers of the OpenAI-compatible API. Source: OpenAI's API reference, chat completions. */

const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

const ToolCallSchema = Type.Object({
  id: Type.String(),
  type: Type.Literal('function'),
  function: Type.Object({ name: Type.String(), arguments: Type.String({ description: 'A JSON object as text' }) })
}, { title: 'ToolCall' })

export const CompletionUsageSchema = Type.Object({
  prompt_tokens: Type.Integer({ description: 'Tokens of the prompt, images included' }),
  completion_tokens: Type.Integer({ description: 'Tokens of the answer, including its thoughts' }),
  total_tokens: Type.Integer({ description: 'Prompt and answer together' }),
  prompt_tokens_details: Type.Object({
    cached_tokens: Type.Integer({ description: 'Tokens of the prompt that came from the KV cache' }),
    image_tokens: Type.Integer({ description: 'Tokens of the images in the prompt' })
  }),
  completion_tokens_details: Type.Object({
    reasoning_tokens: Type.Integer({ description: 'Tokens of the thoughts' })
  })
}, { title: 'CompletionUsage' })
export type CompletionUsage = Static<typeof CompletionUsageSchema>

const ExtrasSchema = Type.Object({
  images: Type.Array(ReceiptSchema, {
    description: 'A receipt for each image that this request sent, in the order of the messages'
  }),
  boxes: Type.Array(BoxSchema, {
    description: 'Boxes in the answer, in pixels of the images that were sent'
  }),
  points: Type.Array(PointSchema, { description: 'Points in the answer, in pixels of the images that were sent' }),
  timings: TimingsSchema,
  ignored: Type.Optional(Type.Array(Type.String(), {
    description: 'Fields of the request that this service does not know, so they had no effect'
  }))
}, { title: 'CompletionExtras', description: 'Fields that the OpenAI API does not have' })

const FinishReasonSchema = Type.Union([Type.Literal('stop'), Type.Literal('length'), Type.Literal('tool_calls')])
const head = { id: Type.String(), created: Type.Integer({ description: 'Seconds since 1970' }), model: Type.String() }

export const CompletionSchema = Type.Object({
  ...head,
  object: Type.Literal('chat.completion'),
  choices: Type.Array(Type.Object({
    index: Type.Literal(0),
    message: Type.Object({
      role: Type.Literal('assistant'),
      content: nullable(Type.String()),
      reasoning_content: Type.Optional(Type.String({
        description: 'What the model thought before it answered; absent without thoughts. Not part of the OpenAI API'
      })),
      refusal: Type.Null(),
      tool_calls: Type.Optional(Type.Array(ToolCallSchema))
    }),
    finish_reason: FinishReasonSchema,
    logprobs: Type.Null()
  })),
  usage: CompletionUsageSchema,
  sightline: ExtrasSchema
}, { title: 'Completion' })
export type Completion = Static<typeof CompletionSchema>

export const CompletionChunkSchema = Type.Object({
  ...head,
  object: Type.Literal('chat.completion.chunk'),
  choices: Type.Array(Type.Object({
    index: Type.Literal(0),
    delta: Type.Object({
      role: Type.Optional(Type.Literal('assistant')),
      content: Type.Optional(Type.String()),
      reasoning_content: Type.Optional(Type.String({ description: 'A piece of the thoughts' })),
      tool_calls: Type.Optional(Type.Array(Type.Object({ index: Type.Integer(), ...ToolCallSchema.properties })))
    }),
    finish_reason: nullable(FinishReasonSchema),
    logprobs: Type.Null()
  })),
  usage: Type.Optional(CompletionUsageSchema),
  sightline: Type.Optional(ExtrasSchema)
}, { title: 'CompletionChunk' })
export type CompletionChunk = Static<typeof CompletionChunkSchema>

export const OpenAiErrorSchema = Type.Object({
  error: Type.Object({
    message: Type.String({ description: 'Message for people' }),
    type: Type.String({ description: 'invalid_request_error, authentication_error, rate_limit_error or server_error' }),
    param: nullable(Type.String({ description: 'The field at fault' })),
    code: Type.String({ description: 'Stable error code, for programs' }),
    request_id: Type.String()
  }, { additionalProperties: true })
}, { title: 'OpenAiError' })

export const ModelSchema = Type.Object({
  id: Type.String(),
  object: Type.Literal('model'),
  created: Type.Integer({ description: 'When the service started, in seconds since 1970' }),
  owned_by: Type.Literal('sightline')
}, { title: 'Model' })
export const ModelListSchema =
  Type.Object({ object: Type.Literal('list'), data: Type.Array(ModelSchema) }, { title: 'ModelList' })
