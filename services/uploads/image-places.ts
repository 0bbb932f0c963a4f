import type { Place } from '../json/place.ts'

/** `/api`: `images[*]` and `history_images[*]`. */
const files: Place = { items: { image: 'base64' } }
export const CHAT_PLACES: Place = { members: new Map([['images', files], ['history_images', files]]) }

/**
 * Names of images in the content of a message, at any depth: `image_url.url` of OpenAI, `image_url` of the Responses
 * API, `source.data` of Anthropic, `image` of Qwen's examples, `file.file_data` of files.
 */
const NAMES = ['url', 'image_url', 'image', 'data', 'file_data']

/** A part of the content, or an object inside it. Strings under other names, e.g. `text`, are text. */
const members = new Map<string, Place>()
const part: Place = { members }
part.others = part
const image: Place = { ...part, image: 'base64' }
/** `images[*]` of Ollama. */
const images: Place = { items: image }
/** A string among the parts is text unless it is a data URI. */
const content: Place = { items: { ...part, image: 'uri' } }
for (const name of NAMES) members.set(name, image)
members.set('images', images).set('content', content)

/** `/v1`: the names above and `images[*]` in `messages[*].content` and `messages[*].images`. */
export const COMPLETION_PLACES: Place = {
  members: new Map([['messages', { items: { members: new Map([['content', content], ['images', images]]) } }]])
}
