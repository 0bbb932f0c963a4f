import { isDeepStrictEqual } from 'node:util'
import { FIELD_FAULTS } from '../../errors/phrases.ts'
import { withoutEmpty } from '../chat/fields.ts'
import { translateFormat } from '../chat/format-variants.ts'
import { translateMessages } from './content.ts'
import { isEmpty, isEmptyList, isObject, refuse, withoutNulls, type Json } from './json.ts'
import { translateTools } from './tool-variants.ts'

/** llama.cpp, LM Studio and Ollama write "no limit" in these ways. */
const UNLIMITED = new Set<unknown>([-1, -2])
const TOP_K_MAX = 1000

const withoutLimit = (value: unknown) => UNLIMITED.has(value) ? undefined : value
const withoutText = (value: unknown) => value === '' ? undefined : value
/** PHP writes an empty object as an empty list. */
const toObject = (value: unknown) => isEmptyList(value) ? undefined : isObject(value) ? withoutNulls(value) : value

/** Members of `stream_options` that change only the form of the stream, and need no answer. */
const STREAM_OPTIONS = new Set(['include_usage', 'include_obfuscation'])

/**
 * Values that clients write differently, by field. `undefined` leaves the field out.
 *
 * - `max_tokens: -1` is not a limit (LM Studio, llama.cpp, Ollama), `seed: -1` is a random seed.
 * - `top_k: -1` is no limit (vLLM). Beyond 1000 tokens a larger `top_k` changes nothing that could be seen.
 * - Empty stop strings stop nothing (LangChain, agents).
 * - `tools: []` offers none (OpenAI SDK wrappers, n8n), and `functions: []` and `function_call: "none"` neither.
 * - `logprobs: 0` asks for none, as in OpenAI's completions.
 */
const VALUES: Readonly<Record<string, (value: unknown) => unknown>> = {
  max_tokens: withoutLimit,
  max_completion_tokens: withoutLimit,
  seed: value => value === -1 ? undefined : value,
  top_k: value => value === -1 ? 0 : typeof value === 'number' && value > TOP_K_MAX ? TOP_K_MAX : value,
  stop: value => value === '' ? undefined : withoutEmpty(value),
  pages: value => typeof value === 'number' ? String(value) : value,
  stream_options: translateStreamOptions,
  logit_bias: toObject,
  logprobs: value => value === 0 ? undefined : value,
  chat_template_kwargs: toObject,
  reasoning: toObject,
  reasoning_effort: withoutText,
  thinking: translateThinking,
  tools: translateTools,
  functions: value => isEmptyList(value) ? undefined : value,
  function_call: value => value === 'none' || value === 'auto' ? undefined : value,
  response_format: value => value === '' ? undefined : translateFormat(value),
  messages: translateMessages
}

/**
 * Converts the value of a field to that of OpenAI's API.
 * @returns undefined if it changes nothing
 * @throws InvalidFieldError for content that is neither text nor an image, and for members that cannot be obeyed
 */
export function translateValue (field: string, value: unknown): unknown {
  return Object.hasOwn(VALUES, field) ? VALUES[field]!(value) : value
}

/**
 * Combines two values of a field that a client sent under different names.
 * @returns undefined if they contradict each other
 */
export function combine (field: string, one: unknown, other: unknown): unknown {
  if (isDeepStrictEqual(one, other)) return one
  if (field === 'stop' && isDeepStrictEqual([one].flat(), [other].flat())) return one
  if (!isObject(one) || !isObject(other)) return undefined
  if (field === 'response_format') return combineFormats(one, other) ?? combineFormats(other, one)
  const isMergeable = field === 'reasoning' || field === 'chat_template_kwargs'
  const shared = Object.keys(one).filter(name => Object.hasOwn(other, name))
  const isAgreed = shared.every(name => isDeepStrictEqual(one[name], other[name]))
  return isMergeable && isAgreed ? { ...one, ...other } : undefined
}

/** Returns the second format if the first one demands no more. */
function combineFormats (less: Json, more: Json): Json | undefined {
  const { schema } = isObject(more.json_schema) ? more.json_schema : {}
  if (less.type === 'text') return more
  if (less.type === 'json_object') return isObject(schema) && schema.type === 'object' ? more : undefined
  return isObject(less.json_schema) && isDeepStrictEqual(less.json_schema.schema, schema) ? more : undefined
}

/** Converts `thinking` of this service's own interface: `"on"`, `"off"` or a number of tokens. */
function translateThinking (value: unknown): unknown {
  if (typeof value === 'number') return { budget_tokens: value }
  if (value === 'on' || value === true) return { type: 'enabled' }
  return value === 'off' || value === false ? { type: 'disabled' } : toObject(value)
}

function translateStreamOptions (value: unknown): unknown {
  const options = toObject(value)
  if (!isObject(options)) return options
  const unknown = Object.keys(options).find(name => !STREAM_OPTIONS.has(name) && !isEmpty(options[name]))
  if (unknown !== undefined) refuse(`stream_options.${unknown}`, FIELD_FAULTS.unknown)
  return options
}
