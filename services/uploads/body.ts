import { InvalidFieldError } from '../../errors/catalogue.ts'
import { FIELD_FAULTS } from '../../errors/phrases.ts'

/** Fields as they came: strings from a form (a repeated one as a list), any JSON value from a JSON body. */
export type RawFields = Record<string, unknown>

/** An image inside a JSON body. */
export interface ImageSource {
  /** Where it stands, e.g. `images[0]`; errors name it. */
  field: string
  /** A data URI, or whatever the client put there. */
  uri: unknown
  /** It may be an http(s) URL too. */
  remote: boolean
}

/** A JSON body taken apart: everything but images, and the images. */
export interface Body<Fields extends object = object> {
  fields: Fields
  images: ImageSource[]
  /** Images of earlier turns that are sent again. */
  historyImages: ImageSource[]
}

/** The fields that carry images. */
export const IMAGES = 'images'
export const HISTORY_IMAGES = 'history_images'

/**
 * Takes the body of a chat request apart.
 * @throws InvalidFieldError
 */
export function readChatBody (
  { [IMAGES]: images = [], [HISTORY_IMAGES]: historyImages = [], ...fields }: RawFields
): Body<RawFields> {
  return { fields, images: toSources(IMAGES, images), historyImages: toSources(HISTORY_IMAGES, historyImages) }
}

function toSources (name: string, value: unknown): ImageSource[] {
  if (!Array.isArray(value)) throw new InvalidFieldError(name, FIELD_FAULTS.mustBeDataUris)
  return value.map((uri, index) => ({ field: `${name}[${index}]`, uri, remote: false }))
}
