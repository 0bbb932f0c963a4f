import type { Phrase } from '../../errors/language.ts'
import { OPENAI_FAULTS } from '../../errors/phrases.ts'

/** A field that would change the answer and has no equivalent. */
export interface RefusedField {
  /** Says what to use. */
  fault: Phrase
  /** The values that change nothing. */
  neutral: readonly unknown[]
  /** A field without which this one changes nothing, whatever its value is. */
  needs?: readonly string[]
}

/** Fields with the same advice, each with the values that change nothing. */
const group = (
  fault: Phrase, fields: ReadonlyArray<[field: string, ...neutral: unknown[]]>
): Record<string, RefusedField> => Object.fromEntries(fields.map(([field, ...neutral]) => [field, { fault, neutral }]))

const {
  useResponseFormat, useMaxTokens, useStop, useInstructions, useSampling, useMessages, useImageParts, useDetail,
  useFields, useThinking, useTools, useToolChoice, noSearch, noPrefix, noProbabilities, asOneAnswer, asPlainText
} = OPENAI_FAULTS

export const REFUSED: Readonly<Record<string, RefusedField>> = {
  // Constraints: vLLM, SGLang, llama-server
  ...group(useResponseFormat, [
    ['grammar', ''], ['ebnf', ''], ['regex', ''], ['structural_tag'], ['guided_regex', ''], ['guided_grammar', ''],
    ['guided_choice', []], ['guided_whitespace_pattern', ''], ['guided_decoding_backend'], ['grammar_lazy', false],
    ['grammar_triggers', []], ['choices', []]
  ]),
  // The length and the end of the answer: vLLM, SGLang, llama-server, Transformers
  ...group(useMaxTokens, [
    ['ignore_eos', false], ['min_tokens', 0], ['max_length', -1], ['min_length', 0], ['min_new_tokens', 0]
  ]),
  t_max_predict_ms: { fault: OPENAI_FAULTS.noTime, neutral: [0, -1] },
  ...group(useStop, [
    ['stop_token_ids', []], ['stop_regex', '', []], ['include_stop_str_in_output', false], ['no_stop_trim', false],
    ['eos_token_id']
  ]),
  ...group(noPrefix, [
    ['continue_final_message', false], ['add_generation_prompt', true], ['prefix', ''], ['prefill', ''],
    ['response_prefix', ''], ['assistant_prefill', '']
  ]),
  // Tokens: vLLM, SGLang, Transformers
  ...group(useInstructions, [
    ['bad_words', []], ['bad_words_ids', []], ['banned_tokens', [], ''], ['allowed_token_ids', []],
    ['verbosity', 'medium'], ['safe_prompt', false]
  ]),
  ...group(asPlainText, [
    ['skip_special_tokens', true], ['spaces_between_special_tokens', true], ['truncate_prompt_tokens', -1]
  ]),
  // Search and sampling: vLLM, llama-server, Ollama, Transformers, text-generation-webui
  ...group(asOneAnswer, [['best_of', 1], ['use_beam_search', false], ['num_beams', 1], ['early_stopping', false]]),
  ...group(noProbabilities, [['n_probs', 0], ['prompt_logprobs', 0, false]]),
  ...group(useSampling, [
    ['logits_processors', []], ['custom_logit_processor', ''], ['length_penalty', 1], ['typical_p', 1], ['typ_p', 1],
    ['typical', 1], ['tfs_z', 1], ['tfs', 1], ['top_a', 0], ['top_n_sigma', -1, 0], ['dynatemp_range', 0],
    ['dynamic_temperature', false], ['dry_multiplier', 0], ['xtc_probability', 0], ['mirostat', 0],
    ['mirostat_mode', 0], ['smoothing_factor', 0], ['repeat_last_n', 64], ['penalty_last_n', 64],
    ['repetition_penalty_range'], ['no_repeat_ngram_size', 0], ['encoder_repetition_penalty', 1],
    ['penalize_nl', false], ['min_keep', 0], ['n_keep', 0], ['temperature_last', false], ['guidance_scale', 1],
    ['negative_prompt', '']
  ]),
  // Members of samplers that are off without their first one
  ...idle('mirostat', 'mirostat_mode')('mirostat_tau', 'mirostat_eta'),
  ...idle('dynatemp_range')('dynatemp_exponent'),
  ...idle('dry_multiplier')('dry_base', 'dry_allowed_length', 'dry_penalty_last_n', 'dry_sequence_breakers'),
  ...idle('xtc_probability')('xtc_threshold'),
  // The order of llama-server with all its samplers, as its page sends it
  samplers: {
    fault: useSampling,
    neutral: [
      [], '', 'edskypmxt', 'edkypmxt',
      ['penalties', 'dry', 'top_n_sigma', 'top_k', 'typ_p', 'top_p', 'min_p', 'xtc', 'temperature'],
      ['penalties', 'dry', 'top_k', 'typ_p', 'top_p', 'min_p', 'xtc', 'temperature'],
      ['dry', 'top_k', 'typ_p', 'top_p', 'min_p', 'xtc', 'temperature'],
      ['top_k', 'typ_p', 'top_p', 'min_p', 'temperature'], ['top_k', 'top_p', 'min_p', 'temperature']
    ]
  },
  // The prompt: completions, Responses, Anthropic, Ollama, vLLM
  ...group(useMessages, [
    ['prompt', ''], ['input', ''], ['system', ''], ['system_prompt', ''], ['system_instruction', ''],
    ['instructions', ''], ['message', ''], ['question', ''], ['query', ''], ['history', []], ['chat_history', []],
    ['conversation', []], ['contents', []], ['documents', []], ['suffix', ''], ['echo', false], ['template', ''],
    ['chat_template', ''], ['context', []], ['raw', false]
  ]),
  previous_response_id: { fault: OPENAI_FAULTS.wholeConversation, neutral: [''] },
  // Images next to the messages: Ollama, llama-server, SGLang, vLLM
  ...group(useImageParts, [
    ['images', []], ['image', ''], ['image_url', ''], ['image_urls', []], ['image_data', [], ''], ['input_image', ''],
    ['multi_modal_data', {}], ['multimodal_data', {}], ['attachments', []], ['files', []], ['file_ids', []],
    ['video', ''], ['videos', []]
  ]),
  // The size of images: Qwen, DashScope, vLLM
  ...group(useDetail, [
    ['min_pixels'], ['max_pixels'], ['resized_height'], ['resized_width'], ['detail', 'auto'],
    ['image_detail', 'auto'], ['vl_high_resolution_images', false], ['add_vision_id', false],
    ['mm_processor_kwargs', {}]
  ]),
  // Fields in an object of their own: Ollama, TGI, OpenAI's Python SDK, Gemini, SGLang, Transformers
  ...group(useFields, [
    ['options', {}], ['parameters', {}], ['extra_body', {}], ['generation_config', {}], ['sampling_params', {}],
    ['model_kwargs', {}], ['generate_kwargs', {}], ['inference_config', {}]
  ]),
  ...group(useThinking, [['thinking_mode']]),
  // Models and tools
  ...group(OPENAI_FAULTS.loadedModel, [['lora', []], ['lora_path', ''], ['adapter_id', ''], ['models', []]]),
  ...group(noSearch, [
    ['web_search_options'], ['web_search', false], ['enable_search', false], ['search_parameters'],
    ['search_options'], ['plugins', []]
  ]),
  ...group(useTools, [['max_tool_calls'], ['mcp_servers', []]]),
  ...group(useToolChoice, [['tool_config', {}]]),
  ...group(OPENAI_FAULTS.asThoughts, [
    ['reasoning_format', 'auto', 'deepseek'], ['include_reasoning', true], ['separate_reasoning', true]
  ])
}

/** Fields that change nothing unless one of the fields `needs` is given with a value that does. */
function idle (...needs: string[]) {
  return (...fields: string[]): Record<string, RefusedField> =>
    Object.fromEntries(fields.map(field => [field, { fault: OPENAI_FAULTS.useSampling, neutral: [], needs }]))
}

/** Fields that do not change the answer. Fields that are in no list are ignored too, and the answer names them. */
export const IGNORED: ReadonlySet<string> = new Set([
  // OpenAI
  'user', 'metadata', 'store', 'service_tier', 'safety_identifier', 'prompt_cache_key', 'prompt_cache_retention',
  'prediction',
  // vLLM, SGLang
  'priority', 'request_id', 'rid', 'cache_salt', 'session_id', 'stream_reasoning', 'return_token_ids', 'return_tokens',
  // llama-server, Ollama, LM Studio
  'cache_prompt', 'id_slot', 'slot_id', 'keep_alive', 'ttl', 'timings_per_token', 'return_progress',
  'parse_tool_calls', 'response_fields', 'n_discard', 'backend_sampling',
  // LiteLLM, OpenRouter, LangChain
  'provider', 'transforms', 'route', 'usage', 'tags', 'litellm_metadata', 'num_retries', 'timeout'
])
