import { OPENAI_FAULTS } from '../../errors/phrases.ts'
import { IMAGE_NAMES } from '../uploads/image-names.ts'
import { isObject, refuse, withoutNulls, type Json } from './json.ts'
import { checkMembers } from './members.ts'

// Clients write an image in the shapes of several APIs. Each becomes `image_url` of OpenAI's chat completions.

/** The places at which clients wrote the images of parts. */
const places = new WeakMap<object, string>()

/** Returns the place of an image or a file in the request, e.g. `messages[0].content[1].image_url.url`. */
export function placeOfImage (part: { type: string }, field: string): string {
  return places.get(part) ?? (part.type === 'file' ? `${field}.file.file_data` : `${field}.image_url.url`)
}

/** Remembers the place at which the client wrote the content of a part. */
export function placeAt<T extends object> (place: string, part: T): T {
  places.set(part, place)
  return part
}

const DETAILS = new Set<unknown>(['auto', 'low', 'high'])
/** A text among the parts that is an image: a data URI, an id on a receipt, or the URL of an image file. */
const DATA_URI = /^\s*data:[^,]*;base64,/i
const EARLIER = /^sightline:sha256:[0-9a-f]{64}$/
/** An id without `sightline:` is refused with the way to write it. */
const BARE_ID = /^sha256:[0-9a-f]{64}$/
const FILE_URL = /^\s*https?:\/\/[^\s?#]+\.(?:png|jpe?g|webp|gif|avif|tiff?|bmp|heic|heif)(?:[?#]\S*)?\s*$/i

/** Whether the whole text is an image that arrived with the request or with an earlier one. */
export function isImageText (text: string): boolean {
  return DATA_URI.test(text) || EARLIER.test(text)
}

/** Whether the whole text is an image or the URL of one. */
export function isImageReference (text: string): boolean {
  return isImageText(text) || BARE_ID.test(text) || FILE_URL.test(text)
}

/**
 * Reads an image: a text, or an object with the image under one of the known names.
 * @param place the place of the value, e.g. `messages[0].content[1].source`
 * @param wishes `detail` that the client wrote outside the value
 * @throws InvalidFieldError for a value without an image, with two images, or with members that cannot be obeyed
 */
export function readImage (value: unknown, place: string, wishes: Json = {}): Json {
  if (typeof value === 'string') return imagePart(value, place, wishes)
  if (!isObject(value)) refuse(place, OPENAI_FAULTS.mustBeImage)
  const given = withoutNulls(value)
  checkMembers(given, place)
  const [name, second] = Object.keys(given).filter(isImageName)
  if (name === undefined) refuse(place, OPENAI_FAULTS.mustBeImage)
  if (second !== undefined) refuse(`${place}.${second}`, OPENAI_FAULTS.secondImage)
  return readImage(given[name], `${place}.${name}`, { ...wishes, ...detailOf(given, place) })
}

/** Reads one image or a list of them. */
export function readImages (value: unknown, place: string): Json[] {
  if (!Array.isArray(value)) return [readImage(value, place)]
  return value.map((image, index) => readImage(image, `${place}[${index}]`))
}

export function isImageName (name: string): boolean {
  return Object.hasOwn(IMAGE_NAMES, name)
}

/** Returns `detail` of a part or of an image. An empty one is absent, and the size of the original is the highest. */
export function detailOf ({ detail }: Json, place: string): Json {
  if (detail === undefined || detail === null || detail === '') return {}
  if (detail === 'original') return { detail: 'high' }
  return DETAILS.has(detail) ? { detail } : refuse(`${place}.detail`, OPENAI_FAULTS.mustBeDetail)
}

function imagePart (text: string, place: string, wishes: Json): Json {
  return placeAt(place, { type: 'image_url', image_url: { ...wishes, url: text } })
}
