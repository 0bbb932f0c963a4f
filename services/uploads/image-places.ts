import type { Place } from '../json/place.ts'
import { IMAGE_LIST_NAMES, IMAGE_NAMES } from './image-names.ts'

/** `/api`: `images[*]` and `history_images[*]`. */
const files: Place = { items: { image: 'base64' } }
export const CHAT_PLACES: Place = { members: new Map([['images', files], ['history_images', files]]) }

/** A part of the content, or an object inside it, at any depth. Strings under other names, e.g. `text`, are text. */
const members = new Map<string, Place>()
const part: Place = { members }
part.others = part
const image: Place = { ...part, image: 'base64' }
/** A single image may stand for a list of one. */
const images: Place = { ...image, items: image }
/** A string that is the content, or one of its parts, is text unless it is a data URI. */
const content: Place = { image: 'uri', ...part, items: { ...part, image: 'uri' } }
for (const name of Object.keys(IMAGE_NAMES)) members.set(name, image)
for (const name of Object.keys(IMAGE_LIST_NAMES)) members.set(name, images)
members.set('content', content)

/** Next to the content, the same names are images. `parts` is the content of Gemini and of AI SDK. */
const message: Place = { members: new Map([...members, ['parts', content]]) }

/** `/v1`: the names of both lists in the messages. */
export const COMPLETION_PLACES: Place = { members: new Map([['messages', { items: message }]]) }
