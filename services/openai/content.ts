import type { Phrase } from '../../errors/language.ts'
import { FIELD_FAULTS, OPENAI_FAULTS } from '../../errors/phrases.ts'
import { IMAGE_LIST_NAMES } from '../uploads/image-names.ts'
import { translateCalls } from './earlier-calls.ts'
import { FILE_TYPES, readFilePart } from './file-parts.ts'
import {
  detailOf, isImageName, isImageReference, isImageText, readImage, readImages
} from './image-parts.ts'
import { isObject, refuse, withoutNulls, type Json } from './json.ts'
import { checkMembers, toSnakeCase } from './members.ts'

// Clients write images and texts in the shapes of several APIs. All become the shapes of OpenAI's chat completions,
// which the schema documents.

/** Part types that contain a text: chat completions, Responses. */
const TEXT_TYPES = new Set(['text', 'input_text', 'output_text', 'refusal'])
/** Part types that contain an image: chat completions, Responses, Anthropic and Qwen, LangChain. */
const IMAGE_TYPES = new Set(['image_url', 'input_image', 'image', 'image_data', 'media', ...FILE_TYPES])
/** Members of parts that contain a text. */
const TEXT_NAMES = new Set(['text', 'refusal'])
/** Names that mean an image even in a part of the type text. Others may be annotations there, e.g. `source`. */
const IMAGE_NAME = /image/

/** Types of parts that cannot be read, and what to send. */
const OTHER_TYPES: ReadonlyArray<[type: RegExp, fault: Phrase]> = [
  [/video/, OPENAI_FAULTS.noVideo],
  [/audio|speech|sound/, OPENAI_FAULTS.noAudio],
  [/image_file/, OPENAI_FAULTS.noFileIds],
  [/^tool|^function/, OPENAI_FAULTS.useToolMessages]
]

/** Members of messages that are no content. */
const KEPT = ['role', 'name', 'tool_calls', 'tool_call_id', 'tool_name', 'function_call']

/** An image inside a text. Shorter ones are examples in a talk about data URIs. */
const EMBEDDED_IMAGE = /data:image\/[^,:\s]{0,200};base64,(?:[A-Za-z0-9+/_-]|%2[bf]){64}/i

/**
 * Converts messages to the shapes of chat completions. Values that have none of the known shapes stay as they are, and
 * the schema refuses them.
 * @throws InvalidFieldError for content that is neither text nor an image, and for members that may contain content
 */
export function translateMessages (messages: unknown): unknown {
  if (!Array.isArray(messages)) return messages
  return translateCalls(messages.map((message, index) =>
    isObject(message) ? translateMessage(message, `messages[${index}]`) : message))
}

function translateMessage (message: Json, field: string): Json {
  const given = withoutNulls(message)
  checkMembers(given, field)
  const { content: own, parts, refusal } = given
  const images = Object.keys(given).filter(name => isImageName(name) || Object.hasOwn(IMAGE_LIST_NAMES, name))
  const others = Object.fromEntries(KEPT.filter(name => Object.hasOwn(given, name)).map(name => [name, given[name]]))
  const more = [
    ...images.flatMap(name => readImages(given[name], `${field}.${name}`)),
    ...typeof refusal === 'string' && refusal !== '' ? [{ type: 'refusal', refusal }] : []
  ]
  const hasParts = parts !== undefined
  if (hasParts && own !== undefined && own !== '') refuse(`${field}.parts`, OPENAI_FAULTS.contradicts('content'))
  const content = hasParts
    ? translateContent(parts, `${field}.parts`)
    : translateContent(own ?? emptyContent(message, more.length > 0), `${field}.content`)
  if (more.length === 0) return { ...others, content }
  const text = typeof content === 'string' ? toParts(content) : content
  return { ...others, content: Array.isArray(text) ? [...more, ...text] : text }
}

/** Answers and results of tools may have no content, and neither must a message that is an image. */
function emptyContent ({ role }: Json, hasMore: boolean): string | undefined {
  return hasMore || role === 'assistant' || role === 'tool' || role === 'function' ? '' : undefined
}

function toParts (text: string): Json[] {
  return text === '' ? [] : [{ type: 'text', text }]
}

function translateContent (content: unknown, field: string): unknown {
  if (typeof content === 'string') return isImageText(content) ? [readImage(content, field)] : plainText(content, field)
  if (isObject(content)) return translatePart(content, field)
  return Array.isArray(content) ? content.flatMap((part, index) => translatePart(part, `${field}[${index}]`)) : content
}

/** Converts a part. One that contains both an image and a text becomes two. */
function translatePart (part: unknown, field: string): unknown[] {
  if (typeof part === 'string') {
    return [isImageReference(part) ? readImage(part, field) : { type: 'text', text: plainText(part, field) }]
  }
  if (!isObject(part)) return [part]
  const given = withoutNulls(part)
  const type = typeof given.type === 'string' ? toSnakeCase(given.type) : given.type
  const file = FILE_TYPES.has(type as string) || (type === undefined && isObject(given.file))
    ? readFilePart(given, field)
    : null
  if (file !== null) return [file]
  const isText = TEXT_TYPES.has(type as string)
  if (type !== undefined && !isText && !IMAGE_TYPES.has(type as string)) refuse(`${field}.type`, faultOf(type))
  checkMembers(given, field)
  const isImage = (name: string) => isImageName(name) && (!isText || IMAGE_NAME.test(name))
  const [first, second] = Object.keys(given).filter(isImage)
  if (second !== undefined) refuse(`${field}.${second}`, OPENAI_FAULTS.secondImage)
  const parts = Object.entries(given).flatMap(([name, value]): Json[] => {
    if (name === first) return [readImage(value, `${field}.${name}`, detailOf(given, field))]
    if (TEXT_NAMES.has(name)) return [{ type: 'text', text: textOf(value, `${field}.${name}`) }]
    return Object.hasOwn(IMAGE_LIST_NAMES, name) ? readImages(value, `${field}.${name}`) : []
  })
  if (parts.length > 0) return parts
  return isText ? refuse(`${field}.text`, FIELD_FAULTS.mustBeString) : refuse(field, OPENAI_FAULTS.mustBePart)
}

function faultOf (type: unknown): Phrase {
  if (typeof type !== 'string') return OPENAI_FAULTS.mustBePart
  return OTHER_TYPES.find(([pattern]) => pattern.test(type))?.[1] ?? OPENAI_FAULTS.mustBePart
}

/** OpenAI's Assistants write `text: { value }`. */
function textOf (value: unknown, place: string): string {
  if (isObject(value) && typeof value.value === 'string') return plainText(value.value, `${place}.value`)
  return typeof value === 'string' ? plainText(value, place) : refuse(place, FIELD_FAULTS.mustBeString)
}

/** @throws InvalidFieldError for a text that contains an image, which the model would read as letters */
function plainText (text: string, place: string): string {
  return EMBEDDED_IMAGE.test(text) ? refuse(place, OPENAI_FAULTS.embeddedImage) : text
}
