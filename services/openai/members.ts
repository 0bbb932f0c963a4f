import type { Phrase } from '../../errors/language.ts'
import { OPENAI_FAULTS } from '../../errors/phrases.ts'
import { IMAGE_LIST_NAMES, IMAGE_NAMES } from '../uploads/image-names.ts'
import { isEmpty, isObject, refuse, type Json } from './json.ts'

// Messages and their parts have members that OpenAI's API does not know. Those that may contain content, or that would
// change the answer, are refused by name. Others, e.g. `created_at`, are ignored.

/** Members that are read, apart from images. */
const READ = [
  'type', 'role', 'content', 'parts', 'text', 'refusal', 'detail',
  'tool_calls', 'tool_call_id', 'tool_name', 'function_call'
]

/** Members that describe content or repeat it, and do not change the answer. */
const ANNOTATIONS = [
  // Types of images, which their bytes decide: Anthropic, MCP, Gemini, AI SDK
  'media_type', 'mediaType', 'mime_type', 'mimeType', 'mimetype', 'content_type', 'contentType', 'source_type',
  // Names of files
  'filename', 'file_name', 'fileName', 'image_uuid',
  // Answers that clients send back: vLLM, DeepSeek, OpenRouter, LiteLLM, this service
  'reasoning_content', 'reasoning_text', 'thinking_content', 'provider_specific_fields', 'sightline',
  // Anthropic's signatures
  'encrypted_content'
]

/** Members of images and messages that cannot be obeyed. */
const REFUSED: Readonly<Record<string, Phrase>> = {
  min_pixels: OPENAI_FAULTS.useDetail,
  max_pixels: OPENAI_FAULTS.useDetail,
  total_pixels: OPENAI_FAULTS.useDetail,
  resized_height: OPENAI_FAULTS.useDetail,
  resized_width: OPENAI_FAULTS.useDetail,
  file_id: OPENAI_FAULTS.noFileIds,
  file_ids: OPENAI_FAULTS.noFileIds,
  image_file: OPENAI_FAULTS.noFileIds,
  // DeepSeek, Mistral, DashScope
  prefix: OPENAI_FAULTS.noPrefix,
  partial: OPENAI_FAULTS.noPrefix,
  prefill: OPENAI_FAULTS.noPrefix
}

const KNOWN = new Set([...READ, ...ANNOTATIONS, ...Object.keys(IMAGE_NAMES), ...Object.keys(IMAGE_LIST_NAMES)])

/** Names, in snake case, of members that may contain content or say how an image is shown. */
const CONTENT_NAME = new RegExp([
  'image', 'img', 'photo', 'file', 'attach', 'media', 'audio', 'video', 'document', 'content', 'text', 'prompt',
  'base64', 'b64', 'blob', 'bytes', 'pixel', 'resize', 'crop', 'rotat', '(?:^|_)(?:pic|picture|part|ur[il])s?(?:$|_)'
].join('|'))
/** The beginning of an image, and of a reference that stands for one. */
const IMAGE_TEXT = /^\s*(?:data:[^,]{0,200};base64,|sightline:sha256:)/i

/**
 * @param place of the object, e.g. `messages[0]`
 * @throws InvalidFieldError for a member that is not read, but could matter
 */
export function checkMembers (given: Json, place: string): void {
  for (const [name, value] of Object.entries(given)) {
    if (isEmpty(value)) continue
    if (Object.hasOwn(REFUSED, name)) refuse(`${place}.${name}`, REFUSED[name]!)
    if (!KNOWN.has(name) && mayContainContent(name, value)) refuse(`${place}.${name}`, OPENAI_FAULTS.unknownMember)
  }
}

function mayContainContent (name: string, value: unknown): boolean {
  return CONTENT_NAME.test(toSnakeCase(name)) || containsImage(value)
}

/** Whether a value is or contains an image as text. */
export function containsImage (value: unknown): boolean {
  if (typeof value === 'string') return IMAGE_TEXT.test(value)
  if (Array.isArray(value)) return value.some(containsImage)
  return isObject(value) && Object.values(value).some(containsImage)
}

/** @example toSnakeCase('maxTokens') // max_tokens */
export function toSnakeCase (name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').replace(/[\s-]+/g, '_').toLowerCase()
}
