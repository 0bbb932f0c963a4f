import { FIELD_FAULTS, OPENAI_FAULTS } from '../../errors/phrases.ts'
import { placeAt } from './image-parts.ts'
import { isObject, refuse, withoutNulls, type Json } from './json.ts'

// Clients write a PDF or another file in the shapes of several APIs. Each becomes `file` of OpenAI's chat completions.

/** Part types that contain a file: chat completions, Responses, Anthropic. */
export const FILE_TYPES = new Set(['file', 'input_file', 'document'])
/** Members of a file that contain it: OpenAI, Responses, AI SDK. */
const CONTENT_NAMES = ['file_data', 'file_url', 'data', 'url']
const IMAGE_URI = /^\s*data:image\//i

/**
 * Reads a part of the type file.
 * @returns null if the content says that it is an image
 * @throws InvalidFieldError for a file that is named by an id
 */
export function readFilePart (part: Json, field: string): Json | null {
  const file = isObject(part.file) ? withoutNulls(part.file) : part
  const inner = isObject(part.file) ? `${field}.file` : field
  const source = isObject(file.source) ? withoutNulls(file.source) : {}
  const name = CONTENT_NAMES.find(name => file[name] !== undefined)
  const sourceName = ['data', 'url'].find(name => source[name] !== undefined)
  if (name === undefined && sourceName === undefined) {
    const isById = 'file_id' in file || 'file_id' in source
    refuse(isById ? `${inner}.file_id` : inner, OPENAI_FAULTS.needsFileData)
  }
  const place = name === undefined ? `${inner}.source.${sourceName}` : `${inner}.${name}`
  const data = name === undefined ? source[sourceName!] : file[name]
  if (typeof data !== 'string') refuse(place, FIELD_FAULTS.mustBeString)
  if (IMAGE_URI.test(data)) return null

  const filename = file.filename ?? file.title ?? part.title
  const pages = file.pages ?? part.pages
  return placeAt(place, {
    type: 'file',
    file: {
      file_data: data,
      ...typeof filename === 'string' && { filename },
      ...pages !== undefined && { pages: typeof pages === 'number' ? String(pages) : pages }
    }
  })
}
