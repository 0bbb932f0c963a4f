import { UnknownFieldError, withDetails, type SightlineError } from '../../errors/catalogue.ts'
import type { Phrase } from '../../errors/language.ts'
import { UNKNOWN_FIELD_ADVICE } from '../../errors/phrases.ts'
import { ChatFormSchema } from '../../schemas/chat.ts'
import { NAME_MAX_SHOWN } from '../../schemas/limits.ts'
import { distanceOf } from '../edit-distance.ts'
import { isList } from '../uploads/field-names.ts'

const FIELDS = Object.keys(ChatFormSchema.properties)
export const isChatField = (name: string) => Object.hasOwn(ChatFormSchema.properties, name)

/** Fields that forms of browsers and frameworks contain next to those of people: Rails, Laravel, Django, ASP.NET. */
const OF_BROWSERS = new Set([
  'utf8', '_charset_', '_method', '_token', 'authenticity_token', 'csrf_token', 'csrfmiddlewaretoken', 'commit',
  'submit', '__requestverificationtoken'
])

/** Whether a form may contain a field of this name that means nothing to this service. */
export const isOfBrowser = (name: string) => OF_BROWSERS.has(name.toLowerCase())

/** Names that other APIs, frameworks and people use for a field, in snake case. */
const SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  // Ollama, Gradio, Dify; n8n ("data"); inputs of HTML forms ("file", "upload").
  images: [
    'image', 'img', 'imgs', 'picture', 'pictures', 'pic', 'pics', 'photo', 'photos', 'file', 'files', 'upload',
    'uploads', 'attachment', 'attachments', 'data', 'media', 'image_file', 'image_files', 'image_url', 'image_urls',
    'image_data', 'input_image', 'base64_image'
  ],
  // Ollama's /api/generate, llama-server's /completion, Gradio, Dify, OpenAI's Responses ("input").
  message: [
    'prompt', 'question', 'query', 'text', 'msg', 'input', 'inputs', 'content', 'user_message', 'user_prompt',
    'user_input', 'instruction', 'q', 'ask', 'chat'
  ],
  history: ['chat_history', 'conversation', 'context', 'turns', 'past_messages', 'previous_messages', 'dialog'],
  history_images: ['images_history', 'previous_images', 'old_images'],
  // OpenAI's Responses ("instructions"), Gradio, llama-server.
  system: ['system_prompt', 'system_message', 'system_instruction', 'instructions', 'sys_prompt'],
  // OpenAI, Transformers, llama-server, Ollama, TGI, Gemini.
  max_tokens: [
    'max_completion_tokens', 'max_output_tokens', 'max_new_tokens', 'n_predict', 'num_predict', 'max_length', 'tokens',
    'max_token'
  ],
  // Anthropic, TGI, vLLM.
  stop: ['stop_sequences', 'stop_sequence', 'stop_strings', 'stop_words', 'stops', 'stop_string'],
  // Ollama ("format"), vLLM, llama-server.
  response_format: ['format', 'json_schema', 'schema', 'guided_json', 'json_format', 'output_format'],
  repeat_penalty: ['repetition_penalty', 'rep_pen'],
  // Ollama, OpenAI, vLLM, Anthropic.
  thinking: [
    'think', 'reasoning', 'reasoning_effort', 'enable_thinking', 'thinking_budget', 'thoughts', 'budget_tokens'
  ],
  temperature: ['temp'],
  seed: ['random_seed', 'rng_seed']
}
const MEANT = new Map(Object.entries(SYNONYMS).flatMap(([field, names]) => names.map(name => [name, field])))

/** Fields that show that a client speaks another protocol: OpenAI's, or Ollama's `/api/chat` and `/api/generate`. */
const OTHER_APIS = new Set(['messages', 'model'])

/** Longer names are nobody's typing errors, and the distance of two names takes the product of their lengths. */
const MAX_COMPARED = 40
const SHORT = 5

/** Returns the error for a field of this name, with advice about the field that was probably meant. */
export function unknownField (name: string): SightlineError {
  const shown = name.slice(0, NAME_MAX_SHOWN)
  if (OTHER_APIS.has(name)) return new UnknownFieldError(shown, UNKNOWN_FIELD_ADVICE.otherApi)
  if (name === 'stream') return new UnknownFieldError(shown, UNKNOWN_FIELD_ADVICE.otherPath)
  const suggestion = suggestField(name)
  if (suggestion === null) return new UnknownFieldError(shown, UNKNOWN_FIELD_ADVICE.correct)
  return withDetails(new UnknownFieldError(shown, adviceFor(suggestion, name)), { suggestion })
}

/** Returns the error for the most telling one of several unknown names. */
export function unknownFieldAmong (names: string[]): SightlineError {
  return unknownField(names.find(name => OTHER_APIS.has(name)) ?? names[0]!)
}

function adviceFor (suggestion: string, name: string): Phrase {
  // e.g. `response_format[type]`: the field is right, but it does not come in pieces.
  if (!name.startsWith(`${suggestion}[`) && !name.startsWith(`${suggestion}.`)) {
    return UNKNOWN_FIELD_ADVICE.didYouMean(suggestion)
  }
  return isList(suggestion) ? UNKNOWN_FIELD_ADVICE.item(suggestion) : UNKNOWN_FIELD_ADVICE.whole(suggestion)
}

/**
 * Finds the field that a client probably meant: by the name without brackets, by another word for it, or by a typing
 * error of one letter, or of two in longer names.
 * @example
 * suggestField('maxTokens') // max_tokens
 * suggestField('imgaes') // images
 */
export function suggestField (name: string): string | null {
  if (name.length > MAX_COMPARED) return null
  const plain = name.replace(/[[{.].*$/s, '').replace(/([a-z0-9])([A-Z])/g, '$1_$2').replace(/[\s-]+/g, '_')
    .toLowerCase()
  if (isChatField(plain)) return plain
  const meant = MEANT.get(plain)
  if (meant !== undefined) return meant
  if (isOfBrowser(name)) return null
  const tolerated = plain.length <= SHORT ? 1 : 2
  const known = [...FIELDS.map(field => [field, field] as const), ...MEANT]
  const distances = known.filter(([word]) => word.length > tolerated + 1)
    .map(([word, field]) => ({ field, distance: distanceOf(plain, word) }))
  const nearest = distances.reduce((best, next) => next.distance < best.distance ? next : best)
  return nearest.distance <= tolerated ? nearest.field : null
}
