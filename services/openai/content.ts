import { InvalidFieldError } from '../../errors/catalogue.ts'
import { FIELD_FAULTS, OPENAI_FAULTS } from '../../errors/phrases.ts'
import { translateCalls } from './tool-variants.ts'

// Clients write images and texts in the shapes of several APIs. All become the shapes of OpenAI's chat completions,
// which the schema documents.

type Json = Record<string, unknown>

/** Part types that contain text: chat completions, Responses. */
const TEXT_TYPES = new Set(['text', 'input_text', 'output_text'])
/** Part types that contain an image: chat completions, Responses, Anthropic and Qwen. */
const IMAGE_TYPES = new Set(['image_url', 'input_image', 'image'])
/** Part types that contain a PDF or another file: chat completions, Responses, Anthropic. */
const FILE_TYPES = new Set(['file', 'input_file', 'document'])

/** A text among the parts that is an image. */
const DATA_URI = /^\s*data:[^,]*;base64,/i

/** The places at which clients wrote the images of parts. */
const places = new WeakMap<object, string>()

/** Returns the place of an image or a file in the request, e.g. `messages[0].content[1].image_url.url`. */
export function placeOfImage (part: { type: string }, field: string): string {
  return places.get(part) ?? (part.type === 'file' ? `${field}.file.file_data` : `${field}.image_url.url`)
}

/**
 * Converts messages to the shapes of chat completions. Values that have none of the known shapes stay as they are, and
 * the schema refuses them.
 * @throws InvalidFieldError for a part that contains neither text nor an image
 */
export function translateMessages (messages: unknown): unknown {
  if (!Array.isArray(messages)) return messages
  return messages.map((message, index) =>
    isObject(message) ? translateMessage(message, `messages[${index}]`) : message)
}

function translateMessage (message: Json, field: string): Json {
  const { images, tool_calls: calls, ...others } = message
  const rest = calls === undefined ? others : { ...others, tool_calls: translateCalls(calls) }
  const isOptional = message.role === 'assistant' || message.role === 'tool'
  const given = isOptional ? message.content ?? '' : message.content
  const content = translateContent(given, `${field}.content`)
  if (images === undefined || images === null) return { ...rest, content }
  if (!Array.isArray(images)) throw new InvalidFieldError(`${field}.images`, OPENAI_FAULTS.mustBeImages)
  // Ollama's form.
  const parts = images.map((image, index) => imagePart(image, `${field}.images[${index}]`))
  const own = typeof content === 'string' ? [{ type: 'text', text: content }] : content
  return { ...rest, content: Array.isArray(own) ? [...parts, ...own] : own }
}

function translateContent (content: unknown, field: string): unknown {
  if (isObject(content)) return [translatePart(content, `${field}`)]
  return Array.isArray(content) ? content.map((part, index) => translatePart(part, `${field}[${index}]`)) : content
}

function translatePart (part: unknown, field: string): unknown {
  if (typeof part === 'string') return DATA_URI.test(part) ? imagePart(part, field) : { type: 'text', text: part }
  if (!isObject(part)) return part
  const type = part.type ?? guessType(part)
  if (TEXT_TYPES.has(type as string)) return { type: 'text', text: part.text }
  if (IMAGE_TYPES.has(type as string)) return translateImage(part, field)
  if (FILE_TYPES.has(type as string)) return translateFile(part, field)
  if (type === 'refusal') return part
  throw new InvalidFieldError(`${field}.type`, OPENAI_FAULTS.mustBePart)
}

function guessType (part: Json): string | undefined {
  if ('text' in part) return 'text'
  if ('file' in part) return 'file'
  return ['image_url', 'image', 'source'].some(key => key in part) ? 'image' : undefined
}

function translateImage (part: Json, field: string): Json {
  const detail = part.detail === undefined || part.detail === null ? {} : { detail: part.detail }
  const { image_url: url, image, source, data } = part
  if (isObject(url)) {
    const { url: inner } = url
    return { ...imagePart(inner, `${field}.image_url.url`, { ...url, ...detail }) }
  }
  if (url !== undefined && url !== null) return imagePart(url, `${field}.image_url`, detail)
  if (isObject(image)) return imagePart(image.url ?? image.data, `${field}.image`, detail)
  if (image !== undefined) return imagePart(image, `${field}.image`, detail)
  if (data !== undefined) return imagePart(data, `${field}.data`, detail)
  if (part.url !== undefined) return imagePart(part.url, `${field}.url`, detail)
  if (isObject(source)) {
    const key = source.type === 'url' ? 'url' : 'data'
    return imagePart(source[key], `${field}.source.${key}`, detail)
  }
  throw new InvalidFieldError(field, OPENAI_FAULTS.mustBePart)
}

/** Both names of a file in the content, and the content in the shapes of OpenAI's APIs and of Anthropic's. */
function translateFile (part: Json, field: string): Json {
  const file = isObject(part.file) ? part.file : part
  const inner = isObject(part.file) ? `${field}.file` : field
  const source = isObject(file.source) ? file.source : {}
  const [place, data] = [
    ['file_data', file.file_data], ['file_url', file.file_url], ['source.data', source.data], ['source.url', source.url]
  ].find(([, value]) => value !== undefined && value !== null) ?? []
  if (place === undefined) {
    const isById = 'file_id' in file || 'file_id' in source
    throw new InvalidFieldError(isById ? `${inner}.file_id` : inner, OPENAI_FAULTS.needsFileData)
  }
  if (typeof data !== 'string') throw new InvalidFieldError(`${inner}.${place}`, FIELD_FAULTS.mustBeString)
  const filename = file.filename ?? file.title ?? part.title
  const pages = file.pages ?? part.pages
  const translated = {
    type: 'file',
    file: {
      file_data: data,
      ...typeof filename === 'string' && { filename },
      ...pages !== undefined && pages !== null && { pages: typeof pages === 'number' ? String(pages) : pages }
    }
  }
  places.set(translated, `${inner}.${place}`)
  return translated
}

/**
 * @param more other members of `image_url`
 * @throws InvalidFieldError naming the place if the value is no text
 */
function imagePart (value: unknown, place: string, more: Json = {}): Json {
  if (typeof value !== 'string') throw new InvalidFieldError(place, FIELD_FAULTS.mustBeString)
  const part = { type: 'image_url', image_url: { ...more, url: value } }
  places.set(part, place)
  return part
}

function isObject (value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
