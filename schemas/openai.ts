import { Type, type Static, type TSchema } from 'typebox'
import { BoxSchema, PointSchema, ReceiptSchema } from './image.ts'
import { TimingsSchema } from './chat.ts'
import { MESSAGES_MAX, STOP_MAX_CHARACTERS, STOP_MAX_STRINGS, TOOLS_MAX } from './limits.ts'
import { ResponseFormatSchema } from './response-format.ts'

/** What travels on `/v1`: OpenAI's shapes, as far as they are supported. Source: OpenAI's API reference, chat completions. */

const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

const TextPartSchema = Type.Object({ type: Type.Literal('text'), text: Type.String() }, { title: 'TextPart' })
const ImagePartSchema = Type.Object({
  type: Type.Literal('image_url'),
  image_url: Type.Object({
    url: Type.String(
      {
        description: 'A data URI with base64; `sightline:sha256:…`, the id of a picture of an earlier request; or an http(s) URL whose host is in IMAGE_URL_HOSTS'
      }
    ),
    detail: Type.Optional(Type.Union([Type.Literal('auto'), Type.Literal('low'), Type.Literal('high')], {
      default: 'auto',
      description: '`low`: longest side at most 512 pixels; `auto` and `high`: the limits of the service'
    }))
  })
}, { title: 'ImagePart' })
const ContentSchema = Type.Union([Type.String(), Type.Array(Type.Union([TextPartSchema, ImagePartSchema]))], {
  title: 'MessageContent', description: 'Text and pictures, in any order'
})

const ToolCallSchema = Type.Object({
  id: Type.String(),
  type: Type.Literal('function'),
  function: Type.Object({ name: Type.String(), arguments: Type.String({ description: 'A JSON object as text' }) })
}, { title: 'ToolCall' })

const MessageSchema = Type.Union([
  Type.Object({ role: Type.Union([Type.Literal('system'), Type.Literal('developer')]), content: ContentSchema }, {
    title: 'SystemMessage'
  }),
  Type.Object({ role: Type.Literal('user'), content: ContentSchema }, { title: 'UserMessage' }),
  Type.Object({
    role: Type.Literal('assistant'),
    content: Type.Optional(nullable(ContentSchema)),
    tool_calls: Type.Optional(Type.Array(ToolCallSchema))
  }, { title: 'AssistantMessage' }),
  Type.Object({ role: Type.Literal('tool'), tool_call_id: Type.String(), content: ContentSchema }, {
    title: 'ToolMessage'
  })
], { title: 'Message' })

export const ToolSchema = Type.Object({
  type: Type.Literal('function'),
  function: Type.Object({
    name: Type.String({ pattern: '^[a-zA-Z0-9_-]{1,64}$' }),
    description: Type.Optional(Type.String()),
    parameters: Type.Optional(
      Type.Object({}, { additionalProperties: true, description: 'JSON schema of the arguments' })
    ),
    strict: Type.Optional(nullable(
      Type.Boolean({ description: 'Refuse the request when the schema cannot be enforced where a call is required' })
    ))
  })
}, { title: 'Tool' })

const penalty = (description: string) =>
  Type.Optional(Type.Number({ minimum: -2, maximum: 2, default: 0, description }))

/** The fields but `messages` and those of tools, which are read by hand so that errors can name the place. */
export const CompletionFieldsSchema = Type.Object({
  model: Type.String({ description: 'The loaded model, as `GET /v1/models` names it' }),
  stream: Type.Optional(Type.Boolean({ default: false, description: 'Chunks as server-sent events' })),
  stream_options: Type.Optional(Type.Object({
    include_usage: Type.Optional(Type.Boolean({ default: false, description: 'A last chunk tells the tokens used' }))
  }, { description: 'Only with `stream`' })),
  max_completion_tokens: Type.Optional(Type.Integer({
    minimum: 1, default: 1024, description: 'Most tokens of the answer; lowered to what the context leaves'
  })),
  max_tokens: Type.Optional(Type.Integer({ minimum: 1, description: 'The older name of `max_completion_tokens`' })),
  stop: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: STOP_MAX_CHARACTERS }), {
    maxItems: STOP_MAX_STRINGS, description: 'The answer ends before any of these strings'
  })),
  temperature: Type.Optional(Type.Number({
    minimum: 0, maximum: 2, description: '0 always takes the likeliest token; the default depends on the model'
  })),
  top_p: Type.Optional(Type.Number({
    minimum: 0, maximum: 1, description: 'Only the likeliest tokens that together have this probability'
  })),
  top_k: Type.Optional(Type.Integer({ minimum: 0, maximum: 1000, description: 'Not OpenAI\'s. 0 for no limit' })),
  min_p: Type.Optional(Type.Number({ minimum: 0, maximum: 1, description: 'Not OpenAI\'s' })),
  repeat_penalty: Type.Optional(Type.Number({ minimum: 0.5, maximum: 2, description: 'Not OpenAI\'s. 1 for none' })),
  frequency_penalty: penalty('Against tokens by how often the answer has them already'),
  presence_penalty: penalty('Against tokens that the answer has already'),
  seed: Type.Optional(
    Type.Integer({ description: 'The same seed and request give the same answer on the same machine' })
  ),
  response_format: Type.Optional(ResponseFormatSchema),
  parallel_tool_calls: Type.Optional(
    Type.Boolean({ default: true, description: '`false`: the answer ends with its first tool call' })
  )
})
export type CompletionFields = Static<typeof CompletionFieldsSchema>

export const CompletionRequestSchema = Type.Object({
  ...CompletionFieldsSchema.properties,
  stop: Type.Optional(Type.Union(
    [Type.String({ minLength: 1, maxLength: STOP_MAX_CHARACTERS }), CompletionFieldsSchema.properties.stop],
    { description: 'The answer ends before any of these strings, at most four' }
  )),
  messages: Type.Array(MessageSchema, {
    minItems: 1,
    maxItems: MESSAGES_MAX,
    description: 'The conversation, the oldest first; at most MAX_IMAGES (8) pictures are sent in all'
  }),
  n: Type.Optional(Type.Literal(1, { description: 'One answer a request' })),
  tools: Type.Optional(
    Type.Array(ToolSchema, { maxItems: TOOLS_MAX, description: 'Only with a model whose chat template knows tools' })
  ),
  tool_choice: Type.Optional(Type.Union([
    Type.Literal('none'), Type.Literal('auto'), Type.Literal('required'),
    Type.Object({ type: Type.Literal('function'), function: Type.Object({ name: Type.String() }) })
  ], { description: '`auto` is the default where there are tools' }))
}, {
  title: 'CompletionRequest',
  additionalProperties: true,
  description: 'Other fields of OpenAI\'s are ignored, unless they would change the answer (`logprobs`, `logit_bias`, `audio` …): those are refused'
})

export const CompletionUsageSchema = Type.Object({
  prompt_tokens: Type.Integer({ description: 'All tokens of the prompt, those of pictures included' }),
  completion_tokens: Type.Integer({ description: 'Tokens of the answer' }),
  total_tokens: Type.Integer({ description: 'Both together' }),
  prompt_tokens_details: Type.Object({
    cached_tokens: Type.Integer({ description: 'Tokens of the prompt that were not evaluated again' }),
    image_tokens: Type.Integer({ description: 'Tokens of pictures' })
  })
}, { title: 'CompletionUsage' })
export type CompletionUsage = Static<typeof CompletionUsageSchema>

const ExtrasSchema = Type.Object({
  images: Type.Array(ReceiptSchema, {
    description: 'A receipt for each picture that came with this request, in the order of the messages'
  }),
  boxes: Type.Array(BoxSchema, {
    description: 'Boxes that the answer names, in pixels of the pictures that were sent'
  }),
  points: Type.Array(PointSchema, { description: 'Points that the answer names' }),
  timings: TimingsSchema
}, { title: 'CompletionExtras', description: 'What only this service tells' })

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
    message: Type.String({ description: 'A sentence for a person' }),
    type: Type.String({ description: 'invalid_request_error, authentication_error, rate_limit_error or server_error' }),
    param: nullable(Type.String({ description: 'The field at fault' })),
    code: Type.String({ description: 'UPPER_SNAKE, stable' }),
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
