import { Type, type Static, type TSchema, type TSchemaOptions } from 'typebox'
import { FIELD_FAULTS, OPENAI_FAULTS } from '../errors/phrases.ts'
import type { CheckOptions } from './check.ts'
import { MAX_TOKENS_MAX, MESSAGES_MAX, STOP_MAX_CHARACTERS, STOP_MAX_STRINGS, TOOLS_MAX } from './limits.ts'
import { FramesSchema, PagesSchema } from './parts.ts'
import { ResponseFormatSchema } from './response-format.ts'

/**
 * The body of a completion request, as far as it is supported. Routes check bodies against these schemas.
 * Source: OpenAI's API reference, chat completions.
 */

type Options = TSchemaOptions & CheckOptions

const nullable = <T extends TSchema>(schema: T, options: Options = {}) => Type.Union([schema, Type.Null()], options)
const text = (fault = FIELD_FAULTS.mustBeString, options: Options = {}) => Type.String({ fault, ...options })
const refused = (fault = OPENAI_FAULTS.unsupported) => Type.Optional(Type.Never({ fault, hidden: true }))

// Messages

const TextPartSchema = Type.Object({ type: Type.Literal('text'), text: text() }, { title: 'TextPart' })
const RefusalPartSchema = Type.Object({
  type: Type.Literal('refusal'), refusal: text(FIELD_FAULTS.mustBeString, { description: 'Treated as text' })
}, { title: 'RefusalPart' })
const ImagePartSchema = Type.Object({
  type: Type.Literal('image_url'),
  image_url: Type.Object({
    url: text(FIELD_FAULTS.mustBeString, {
      description: 'A data URI in base64; `sightline:sha256:…`, the id of an image of an earlier request; or an ' +
        'http(s) URL whose host is in IMAGE_URL_HOSTS'
    }),
    detail: Type.Optional(nullable(Type.Union([Type.Literal('auto'), Type.Literal('low'), Type.Literal('high')], {
      default: 'auto',
      description: '`low`: longest side at most 512 pixels; `auto` and `high`: the limits of the service'
    }), { fault: OPENAI_FAULTS.mustBeDetail }))
  }, { fault: OPENAI_FAULTS.mustBeObject })
}, { title: 'ImagePart' })

const FilePartSchema = Type.Object({
  type: Type.Literal('file'),
  file: Type.Object({
    filename: Type.Optional(nullable(text(), { fault: FIELD_FAULTS.mustBeString })),
    file_data: text(FIELD_FAULTS.mustBeString, {
      description: 'A PDF or an image, as a data URI in base64, or as an http(s) URL whose host is in IMAGE_URL_HOSTS'
    }),
    pages: PagesSchema
  }, { fault: OPENAI_FAULTS.mustBeObject })
}, { title: 'FilePart' })

export type FilePart = Static<typeof FilePartSchema>

const ContentSchema = Type.Union([
  Type.String(), Type.Array(Type.Union([TextPartSchema, ImagePartSchema, FilePartSchema, RefusalPartSchema], {
    fault: OPENAI_FAULTS.mustBeObject
  }))
], { title: 'MessageContent', description: 'Text, images and files, in any order', fault: OPENAI_FAULTS.mustBeContent })
export type MessageContent = Static<typeof ContentSchema>

const EarlierCallSchema = Type.Object({
  id: text(),
  type: Type.Optional(Type.Unsafe<'function'>({ description: '`function`; other values are ignored' })),
  function: Type.Object({
    name: text(),
    arguments: Type.Optional(nullable(Type.String({ description: 'A JSON object as text' }), {
      fault: OPENAI_FAULTS.mustBeArguments
    }))
  }, { fault: OPENAI_FAULTS.mustBeObject })
}, { title: 'EarlierCall', description: 'A call of an earlier answer', fault: OPENAI_FAULTS.mustBeObject })
export type EarlierCall = Static<typeof EarlierCallSchema>

const MessageSchema = Type.Union([
  Type.Object({ role: Type.Union([Type.Literal('system'), Type.Literal('developer')]), content: ContentSchema }, {
    title: 'SystemMessage'
  }),
  Type.Object({ role: Type.Literal('user'), content: ContentSchema }, { title: 'UserMessage' }),
  Type.Object({
    role: Type.Literal('assistant'),
    content: Type.Optional(nullable(ContentSchema, { fault: OPENAI_FAULTS.mustBeContent })),
    tool_calls: Type.Optional(nullable(Type.Array(EarlierCallSchema), { fault: OPENAI_FAULTS.mustBeCalls }))
  }, { title: 'AssistantMessage' }),
  Type.Object({
    role: Type.Literal('tool'), tool_call_id: text(OPENAI_FAULTS.unknownCall), content: ContentSchema
  }, { title: 'ToolMessage' })
], { title: 'Message', fault: OPENAI_FAULTS.mustBeObject })
export type Message = Static<typeof MessageSchema>

// Tools

const ToolSchema = Type.Object({
  type: Type.Literal('function'),
  function: Type.Object({
    name: Type.String({ pattern: '^[a-zA-Z0-9_-]{1,64}$', fault: OPENAI_FAULTS.mustBeToolName }),
    description: Type.Optional(Type.String()),
    parameters: Type.Optional(
      Type.Object({}, { additionalProperties: true, description: 'JSON schema of the arguments' })
    ),
    strict: Type.Optional(nullable(Type.Boolean({
      description: 'Refuse the request if a call is required and the schema cannot be enforced'
    })))
  })
}, { title: 'Tool' })
export type RequestedTool = Static<typeof ToolSchema>

const ToolChoiceSchema = Type.Union([
  Type.Literal('none'), Type.Literal('auto'), Type.Literal('required'),
  Type.Object({
    type: Type.Literal('function', { fault: OPENAI_FAULTS.mustBeToolChoice, place: [] }),
    function: Type.Object({ name: text(OPENAI_FAULTS.unknownTool) }, {
      fault: OPENAI_FAULTS.unknownTool, place: ['function', 'name']
    })
  }, { fault: OPENAI_FAULTS.mustBeToolChoice })
], { description: 'The default is `auto` with tools and `none` without', fault: OPENAI_FAULTS.mustBeToolChoice })
export type ToolChoice = Static<typeof ToolChoiceSchema>

// Thinking

const EffortSchema = Type.Union([
  Type.Literal('none'), Type.Literal('minimal'), Type.Literal('low'), Type.Literal('medium'), Type.Literal('high'),
  Type.Literal('xhigh'), Type.Literal('max')
], {
  description: 'How much the model thinks before it answers. REASONING_EFFORT_TOKENS sets the maximum of thought ' +
    'tokens of each effort; `none`: no thoughts; `max`: MAX_THINKING_TOKENS',
  fault: OPENAI_FAULTS.mustBeEffort
})
const thoughtTokens = (description: string) =>
  Type.Optional(nullable(Type.Integer({ minimum: -1, maximum: MAX_TOKENS_MAX, description })))
const flag = (description: string) => Type.Optional(nullable(Type.Boolean({ description })))

/** How much the model thinks, in the fields of several servers. */
const thinkingFields = {
  reasoning_effort: Type.Optional(EffortSchema),
  chat_template_kwargs: Type.Optional(Type.Object({
    enable_thinking: flag('Whether the model thinks before it answers, as for vLLM, SGLang and llama-server')
  }, { additionalProperties: false, fault: OPENAI_FAULTS.mustBeTemplateArguments })),
  enable_thinking: flag('The same as `chat_template_kwargs.enable_thinking`'),
  thinking_budget: thoughtTokens(
    'Maximum of thought tokens, at most MAX_THINKING_TOKENS; -1: that many; 0: no thoughts. Not part of the OpenAI API'
  ),
  thinking_token_budget: thoughtTokens('The same as `thinking_budget`, in the words of vLLM'),
  thinking_budget_tokens: thoughtTokens('The same as `thinking_budget`, in the words of llama-server'),
  reasoning_budget_tokens: thoughtTokens('The same as `thinking_budget`, in the words of llama-server'),
  reasoning: Type.Optional(Type.Object({
    effort: Type.Optional(nullable(EffortSchema, { fault: OPENAI_FAULTS.mustBeEffort })),
    max_tokens: thoughtTokens('The same as `thinking_budget`'),
    enabled: flag('The same as `chat_template_kwargs.enable_thinking`'),
    exclude: Type.Optional(Type.Literal(false, {
      description: 'Thoughts are always returned', fault: OPENAI_FAULTS.unsupported
    })),
    summary: Type.Optional(Type.Unsafe<unknown>({ description: 'Has no effect: the thoughts themselves are returned' }))
  }, {
    additionalProperties: false,
    description: 'The same as `reasoning_effort` and `thinking_budget`, in the words of OpenRouter'
  })),
  thinking: Type.Optional(Type.Object({
    type: Type.Optional(nullable(Type.Union([Type.Literal('enabled'), Type.Literal('disabled')]), {
      fault: OPENAI_FAULTS.mustBeEnabled
    })),
    budget_tokens: thoughtTokens('The same as `thinking_budget`')
  }, {
    // Without a title, orval gives `thinking.budget_tokens` and `thinking_budget_tokens` types of the same name.
    title: 'AnthropicThinking',
    additionalProperties: false,
    description: 'The same as `enable_thinking` and `thinking_budget`, in the words of Anthropic'
  }))
}

// The request

const StopStringSchema = Type.String({ minLength: 1, maxLength: STOP_MAX_CHARACTERS })
const penalty = (description: string) =>
  Type.Optional(Type.Number({ minimum: -2, maximum: 2, default: 0, description }))

export const CompletionRequestSchema = Type.Object({
  model: Type.String({
    description: 'The loaded model, by its name in `GET /v1/models`', fault: OPENAI_FAULTS.required
  }),
  messages: Type.Array(MessageSchema, {
    minItems: 1,
    maxItems: MESSAGES_MAX,
    description: 'The conversation, oldest first, with at most MAX_IMAGES (8) new images in all',
    fault: OPENAI_FAULTS.mustBeMessages,
    counted: { en: 'messages', zh: '条消息' }
  }),
  stream: Type.Optional(Type.Boolean({ default: false, description: 'Answer in chunks, as server-sent events' })),
  stream_options: Type.Optional(Type.Object({
    include_usage: Type.Optional(
      Type.Boolean({ default: false, description: 'A last chunk reports the number of tokens' })
    )
  }, { description: 'Only with `stream`' })),
  max_completion_tokens: Type.Optional(Type.Integer({
    minimum: 1,
    default: 1024,
    description: 'Maximum number of tokens of the answer without its thoughts; reduced to the room that is left in ' +
      'the context'
  })),
  max_tokens: Type.Optional(
    Type.Integer({ minimum: 1, description: 'The older name of `max_completion_tokens`' })
  ),
  ...thinkingFields,
  stop: Type.Optional(Type.Union([
    StopStringSchema, Type.Array(StopStringSchema, { maxItems: STOP_MAX_STRINGS })
  ], { description: 'The answer ends before any of these strings; at most 16' })),
  temperature: Type.Optional(Type.Number({
    minimum: 0, maximum: 2, description: '0 always takes the most likely token; the default depends on the model'
  })),
  top_p: Type.Optional(Type.Number({
    minimum: 0, maximum: 1, description: 'Sample only from the most likely tokens that together have this probability'
  })),
  top_k: Type.Optional(Type.Integer({
    minimum: 0,
    maximum: 1000,
    description: 'Sample only from this many most likely tokens; 0: no limit. Not part of the OpenAI API'
  })),
  min_p: Type.Optional(Type.Number({
    minimum: 0,
    maximum: 1,
    description: 'Sample only tokens with at least this fraction of the highest probability. Not part of the OpenAI API'
  })),
  repeat_penalty: Type.Optional(Type.Number({
    minimum: 0.5, maximum: 2, description: 'Penalty on repeated tokens; 1: none. Not part of the OpenAI API'
  })),
  frequency_penalty: penalty('Penalty on tokens by how often the answer already contains them'),
  presence_penalty: penalty('Penalty on tokens that the answer already contains'),
  seed: Type.Optional(Type.Integer({
    description: 'The same seed and request give the same answer on the same machine'
  })),
  response_format: Type.Optional(ResponseFormatSchema),
  pages: PagesSchema,
  frames: FramesSchema,
  tools: Type.Optional(Type.Array(ToolSchema, {
    maxItems: TOOLS_MAX,
    description: 'Only with a model whose chat template supports tools',
    fault: OPENAI_FAULTS.mustBeTools,
    counted: { en: 'tools', zh: '个工具' }
  })),
  tool_choice: Type.Optional(ToolChoiceSchema),
  parallel_tool_calls: Type.Optional(Type.Boolean({
    default: true, description: '`false`: the answer ends with its first tool call'
  })),
  n: Type.Optional(Type.Literal(1, { description: 'A request has one answer', fault: OPENAI_FAULTS.onlyOneAnswer })),
  logprobs: Type.Optional(Type.Literal(false, {
    description: 'Probabilities are not supported', fault: OPENAI_FAULTS.noProbabilities
  })),
  top_logprobs: Type.Optional(Type.Literal(0, {
    description: 'Probabilities are not supported', fault: OPENAI_FAULTS.noProbabilities
  })),
  logit_bias: Type.Optional(Type.Object({}, {
    maxProperties: 0, description: 'Not supported unless empty', fault: OPENAI_FAULTS.unsupported
  })),
  modalities: Type.Optional(Type.Array(Type.Literal('text'), {
    description: 'Answers are text', fault: OPENAI_FAULTS.onlyText, whole: true
  })),
  audio: refused(),
  functions: refused(OPENAI_FAULTS.useTools),
  function_call: refused(OPENAI_FAULTS.useToolChoice)
}, {
  title: 'CompletionRequest',
  additionalProperties: true,
  description: 'A field that is null counts as not given. Other fields are ignored, unless they would change the ' +
    'answer: those are obeyed if they have an equivalent, e.g. `n_predict`, and otherwise refused by name'
})
export type CompletionRequest = Static<typeof CompletionRequestSchema>
export const isCompletionField = (name: string) => Object.hasOwn(CompletionRequestSchema.properties, name)
