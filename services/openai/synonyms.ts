import { OPENAI_FAULTS } from '../../errors/phrases.ts'
import { formatOfSchema, isFormat } from '../chat/format-variants.ts'
import { isEmpty, isObject, refuse, withoutNulls, type Json } from './json.ts'
import { toSnakeCase } from './members.ts'

/** A field of another server that has an equivalent here. */
export interface Synonym {
  field: string
  /** The equivalent. */
  means: string
  /** Converts the value; undefined if it changes nothing. */
  convert?: (value: unknown) => unknown
  /** The servers or clients that have this field. */
  of: string
}

/** A schema, or a response format, in a field of this name. */
const schemaIn = (field: string) => (value: unknown) =>
  value === '' ? undefined : isFormat(value) ? value : formatOfSchema(value, field)

/** An object of which only the member `format` can be obeyed. Others may have the value that changes nothing. */
const formatIn = (field: string, neutral: Record<string, unknown> = {}) => (value: unknown) => {
  if (isEmpty(value)) return undefined
  // Completions and forms have their question here.
  if (!isObject(value)) return refuse(field, OPENAI_FAULTS.useMessages)
  const { format, ...others } = withoutNulls(value)
  const other = Object.keys(others).find(name => others[name] !== neutral[name])
  if (other !== undefined) refuse(`${field}.${other}`, OPENAI_FAULTS.useInstructions)
  return format === undefined ? undefined : schemaIn(`${field}.format`)(format)
}

const toThinking = (think: unknown) => {
  if (think === '') return undefined
  const isOn = think === true || think === 'true'
  return isOn || think === false || think === 'false' ? { enabled: isOn } : { effort: think }
}

/** Gemini's `thinkingConfig`. */
const toGeminiThinking = (field: string) => (config: unknown) => {
  if (!isObject(config)) return refuse(field, OPENAI_FAULTS.mustBeObject)
  const given = Object.entries(withoutNulls(config)).map(([name, value]) => [toSnakeCase(name), value])
  const { thinking_budget: budget, thinking_level: level, include_thoughts: _shown, ...others } =
    Object.fromEntries(given) as Json
  const [other] = Object.keys(others)
  if (other !== undefined) refuse(`${field}.${other}`, OPENAI_FAULTS.useThinking)
  return {
    ...budget !== undefined && { max_tokens: budget },
    ...level !== undefined && { effort: typeof level === 'string' ? level.toLowerCase() : level }
  }
}

/** vLLM writes the constraints that are not set, too. */
const NEUTRAL_OUTPUTS = new Set([
  'disable_fallback', 'disable_any_whitespace', 'disable_additional_properties', 'backend'
])

function toOutputs (outputs: unknown): unknown {
  if (!isObject(outputs)) return refuse('structured_outputs', OPENAI_FAULTS.onlyJsonOutputs)
  const { json, json_object: anyObject, ...others } = withoutNulls(outputs)
  const isOther = Object.keys(others).some(name => !NEUTRAL_OUTPUTS.has(name) && !isEmpty(others[name]))
  if (isOther) refuse('structured_outputs', OPENAI_FAULTS.onlyJsonOutputs)
  if (json !== undefined) return formatOfSchema(json, 'structured_outputs.json')
  return anyObject === true ? { type: 'json_object' } : undefined
}

/** Gemini's media types of answers. */
function toFormat (type: unknown): unknown {
  if (type === 'text/plain') return undefined
  return type === 'application/json'
    ? { type: 'json_object' }
    : refuse('response_mime_type', OPENAI_FAULTS.useResponseFormat)
}

export const SYNONYMS: readonly Synonym[] = [
  { field: 'n_predict', means: 'max_tokens', of: 'llama-server' },
  { field: 'num_predict', means: 'max_tokens', of: 'Ollama' },
  { field: 'max_new_tokens', means: 'max_tokens', of: 'Transformers, SGLang' },
  { field: 'max_output_tokens', means: 'max_tokens', of: 'OpenAI\'s Responses API, Gemini' },
  { field: 'max_tokens_to_sample', means: 'max_tokens', of: 'Anthropic' },
  { field: 'temp', means: 'temperature', of: 'llama.cpp' },
  {
    field: 'do_sample',
    means: 'temperature',
    convert: isSampled => isSampled === true
      ? undefined
      : isSampled === false ? 0 : refuse('do_sample', OPENAI_FAULTS.mustBeTrueOrFalse),
    of: 'Transformers'
  },
  { field: 'random_seed', means: 'seed', of: 'Mistral' },
  { field: 'repetition_penalty', means: 'repeat_penalty', of: 'vLLM, SGLang, TGI' },
  { field: 'rep_pen', means: 'repeat_penalty', of: 'KoboldCpp' },
  { field: 'stop_sequences', means: 'stop', of: 'Anthropic' },
  { field: 'stop_sequence', means: 'stop', of: 'KoboldCpp' },
  { field: 'stop_words', means: 'stop', of: 'LMDeploy' },
  { field: 'stop_strings', means: 'stop', of: 'Transformers' },
  { field: 'stop_str', means: 'stop', of: 'FastChat' },
  { field: 'num_return_sequences', means: 'n', of: 'Transformers' },
  { field: 'candidate_count', means: 'n', of: 'Gemini' },
  { field: 'reasoning_budget', means: 'thinking_budget', of: 'llama-server' },
  { field: 'budget_tokens', means: 'thinking_budget', of: 'Anthropic' },
  { field: 'max_thinking_tokens', means: 'thinking_budget', of: 'written by hand' },
  { field: 'max_reasoning_tokens', means: 'thinking_budget', of: 'written by hand' },
  { field: 'chat_template_args', means: 'chat_template_kwargs', of: 'TensorRT-LLM, Baseten' },
  { field: 'think', means: 'reasoning', convert: toThinking, of: 'Ollama' },
  { field: 'thinking_config', means: 'reasoning', convert: toGeminiThinking('thinking_config'), of: 'Gemini' },
  {
    field: 'disable_parallel_tool_use',
    means: 'parallel_tool_calls',
    convert: isSingle => typeof isSingle === 'boolean'
      ? !isSingle
      : refuse('disable_parallel_tool_use', OPENAI_FAULTS.mustBeTrueOrFalse),
    of: 'Anthropic'
  },
  { field: 'guided_json', means: 'response_format', convert: schemaIn('guided_json'), of: 'vLLM' },
  { field: 'json_schema', means: 'response_format', convert: schemaIn('json_schema'), of: 'llama-server, SGLang' },
  { field: 'response_schema', means: 'response_format', convert: schemaIn('response_schema'), of: 'Gemini' },
  {
    field: 'response_mime_type',
    means: 'response_format',
    convert: toFormat,
    of: 'Gemini'
  },
  {
    field: 'format',
    means: 'response_format',
    convert: format => format === 'json' ? { type: 'json_object' } : schemaIn('format')(format),
    of: 'Ollama'
  },
  { field: 'output_format', means: 'response_format', convert: schemaIn('output_format'), of: 'Anthropic' },
  { field: 'output_config', means: 'response_format', convert: formatIn('output_config'), of: 'Anthropic' },
  { field: 'text', means: 'response_format', convert: formatIn('text', { verbosity: 'medium' }), of: 'Responses' },
  { field: 'structured_outputs', means: 'response_format', convert: toOutputs, of: 'vLLM' }
]
