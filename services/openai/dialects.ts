import { isDeepStrictEqual } from 'node:util'
import { InvalidFieldError } from '../../errors/catalogue.ts'
import type { Phrase } from '../../errors/language.ts'
import { OPENAI_FAULTS } from '../../errors/phrases.ts'
import { NAME_MAX_SHOWN } from '../../schemas/limits.ts'
import { CompletionRequestSchema } from '../../schemas/openai-request.ts'

// Clients of other servers send fields that OpenAI's API does not have. A field with an equivalent is renamed, a field
// that would change the answer is refused, and the others are ignored.

type Body = Record<string, unknown>

/** Maximum number of unknown fields that an answer names. */
const UNKNOWN_MAX = 20
const KNOWN = new Set(Object.keys(CompletionRequestSchema.properties))

/** A field of another server that has an equivalent here. */
interface Synonym {
  field: string
  /** The equivalent. */
  means: string
  convert?: (value: unknown) => unknown
  /** The servers or clients that have this field. */
  of: string
}

const schemaFormat = (schema: unknown) =>
  ({ type: 'json_schema', json_schema: { schema: typeof schema === 'string' ? parsed(schema) : schema } })

export const SYNONYMS: readonly Synonym[] = [
  { field: 'n_predict', means: 'max_tokens', of: 'llama-server' },
  { field: 'num_predict', means: 'max_tokens', of: 'Ollama' },
  { field: 'max_new_tokens', means: 'max_tokens', of: 'Transformers, SGLang' },
  { field: 'max_output_tokens', means: 'max_tokens', of: 'OpenAI\'s Responses API' },
  { field: 'repetition_penalty', means: 'repeat_penalty', of: 'vLLM, SGLang, TGI' },
  { field: 'stop_sequences', means: 'stop', of: 'Anthropic' },
  { field: 'reasoning_budget', means: 'thinking_budget', of: 'llama-server' },
  {
    field: 'think',
    means: 'reasoning',
    convert: think => typeof think === 'boolean' ? { enabled: think } : { effort: think },
    of: 'Ollama'
  },
  { field: 'guided_json', means: 'response_format', convert: schemaFormat, of: 'vLLM' },
  { field: 'json_schema', means: 'response_format', convert: schemaFormat, of: 'llama-server, SGLang' },
  {
    field: 'format',
    means: 'response_format',
    convert: format => format === 'json' ? { type: 'json_object' } : schemaFormat(format),
    of: 'Ollama'
  },
  {
    field: 'structured_outputs',
    means: 'response_format',
    convert: outputs => isObject(outputs) && Object.keys(outputs).every(key => key === 'json')
      ? outputs.json === undefined ? undefined : schemaFormat(outputs.json)
      : refuse('structured_outputs', OPENAI_FAULTS.onlyJsonOutputs),
    of: 'vLLM'
  }
]

/** A field that would change the answer and has no equivalent. */
interface RefusedField {
  /** The values that change nothing. */
  neutral?: readonly unknown[]
  /** Says what to use. */
  fault?: Phrase
}

const NONE: RefusedField = {}
const only = (...neutral: unknown[]): RefusedField => ({ neutral })

export const REFUSED: Readonly<Record<string, RefusedField>> = {
  // Constraints: vLLM, SGLang, llama-server
  grammar: { neutral: [''], fault: OPENAI_FAULTS.useResponseFormat },
  ebnf: { fault: OPENAI_FAULTS.useResponseFormat },
  regex: { fault: OPENAI_FAULTS.useResponseFormat },
  structural_tag: { fault: OPENAI_FAULTS.useResponseFormat },
  guided_regex: { fault: OPENAI_FAULTS.useResponseFormat },
  guided_grammar: { fault: OPENAI_FAULTS.useResponseFormat },
  guided_choice: { fault: OPENAI_FAULTS.useResponseFormat },
  guided_whitespace_pattern: NONE,
  guided_decoding_backend: NONE,
  grammar_lazy: only(false),
  grammar_triggers: only([]),
  // The end of the answer: vLLM, SGLang, llama-server
  ignore_eos: only(false),
  min_tokens: only(0),
  stop_token_ids: only([]),
  include_stop_str_in_output: only(false),
  no_stop_trim: only(false),
  continue_final_message: only(false),
  add_generation_prompt: only(true),
  // Tokens: vLLM, SGLang
  bad_words: only([]),
  allowed_token_ids: only([]),
  logits_processors: only([]),
  custom_logit_processor: NONE,
  skip_special_tokens: only(true),
  spaces_between_special_tokens: only(true),
  truncate_prompt_tokens: only(-1),
  // Search and sampling: vLLM, llama-server, Ollama, text-generation-webui
  best_of: only(1),
  use_beam_search: only(false),
  num_beams: only(1),
  length_penalty: only(1),
  early_stopping: only(false),
  do_sample: NONE,
  samplers: NONE,
  typical_p: only(1),
  tfs_z: only(1),
  top_a: only(0),
  top_n_sigma: only(-1),
  mirostat: only(0),
  mirostat_mode: only(0),
  mirostat_tau: NONE,
  mirostat_eta: NONE,
  dynatemp_range: only(0),
  dynatemp_exponent: NONE,
  dynamic_temperature: only(false),
  dry_multiplier: only(0),
  dry_base: NONE,
  dry_allowed_length: NONE,
  dry_penalty_last_n: NONE,
  dry_sequence_breakers: NONE,
  xtc_probability: only(0),
  xtc_threshold: NONE,
  smoothing_factor: only(0),
  repeat_last_n: only(64),
  repetition_penalty_range: NONE,
  no_repeat_ngram_size: only(0),
  encoder_repetition_penalty: only(1),
  penalize_nl: only(false),
  min_keep: only(0),
  n_keep: only(0),
  n_probs: only(0),
  prompt_logprobs: only(0),
  temperature_last: only(false),
  guidance_scale: only(1),
  negative_prompt: only(''),
  // The prompt: completions, Responses, Anthropic, Ollama, vLLM
  prompt: { fault: OPENAI_FAULTS.useMessages },
  input: { fault: OPENAI_FAULTS.useMessages },
  system: { fault: OPENAI_FAULTS.useMessages },
  instructions: { fault: OPENAI_FAULTS.useMessages },
  images: { neutral: [[]], fault: OPENAI_FAULTS.useMessages },
  documents: only([]),
  suffix: only(''),
  echo: only(false),
  template: only(''),
  chat_template: only(''),
  context: only([]),
  raw: only(false),
  options: { neutral: [{}], fault: OPENAI_FAULTS.useFields },
  parameters: { neutral: [{}], fault: OPENAI_FAULTS.useFields },
  extra_body: { neutral: [{}], fault: OPENAI_FAULTS.useFields },
  mm_processor_kwargs: only({}),
  previous_response_id: NONE,
  // Models and tools
  lora: only([]),
  lora_path: NONE,
  adapter_id: NONE,
  models: NONE,
  web_search_options: NONE,
  max_tool_calls: NONE,
  verbosity: only('medium'),
  reasoning_format: only('auto', 'deepseek'),
  include_reasoning: only(true),
  separate_reasoning: only(true)
}

/** Fields that do not change the answer. Fields that are in no list are ignored too, and the answer names them. */
export const IGNORED: ReadonlySet<string> = new Set([
  // OpenAI
  'user', 'metadata', 'store', 'service_tier', 'safety_identifier', 'prompt_cache_key', 'prompt_cache_retention',
  'prediction',
  // vLLM, SGLang
  'priority', 'request_id', 'rid', 'cache_salt', 'session_id', 'stream_reasoning', 'return_token_ids', 'return_tokens',
  // llama-server, Ollama, LM Studio
  'cache_prompt', 'id_slot', 'slot_id', 'keep_alive', 'ttl', 'timings_per_token', 'return_progress', 't_max_predict_ms',
  'parse_tool_calls', 'response_fields', 'n_discard',
  // LiteLLM, OpenRouter, LangChain
  'provider', 'transforms', 'route', 'usage', 'tags', 'litellm_metadata', 'num_retries', 'timeout'
])

/**
 * Renames the fields of other servers, and refuses those that would change the answer.
 * @throws InvalidFieldError for a field that cannot be obeyed, or that contradicts its equivalent
 */
export function translateFields (body: Body): Body {
  const given = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null))
  for (const { field, means, convert = (value: unknown) => value } of SYNONYMS) {
    if (!Object.hasOwn(given, field)) continue
    const value = convert(given[field])
    delete given[field]
    if (value === undefined) continue
    if (Object.hasOwn(given, means) && !isDeepStrictEqual(given[means], value)) {
      refuse(field, OPENAI_FAULTS.contradicts(means))
    }
    given[means] = value
  }
  for (const [field, { neutral = [], fault = OPENAI_FAULTS.unsupported }] of Object.entries(REFUSED)) {
    if (!Object.hasOwn(given, field)) continue
    if (!neutral.some(value => isDeepStrictEqual(value, given[field]))) refuse(field, fault)
    delete given[field]
  }
  return given
}

/** Returns the names of a request's fields that have no effect and are in no list. */
export function unknownFields (request: object): string[] {
  return Object.keys(request).filter(field => !KNOWN.has(field) && !IGNORED.has(field)).slice(0, UNKNOWN_MAX)
    .map(field => field.slice(0, NAME_MAX_SHOWN))
}

function parsed (json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return json
  }
}

function isObject (value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function refuse (field: string, fault: Phrase): never {
  throw new InvalidFieldError(field, fault)
}
