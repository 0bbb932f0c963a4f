import { postRequest, type Body } from '../lib/http.ts'
import { LIMITS } from '../settings.ts'
import { draft, type Draft, type Kind, type Material } from './kind.ts'
import { askIn, drawQuestion, JSONS } from './question.ts'

const MB = 1024 * 1024
const CHAT_PATHS = ['/api/chat', '/api/chat_stream']
const COMPLETIONS = '/v1/chat/completions'
/** Share of requests to the OpenAI-compatible API. */
const COMPLETION_SHARE = 0.4

/** Start and end of a body. */
type Frame = readonly [start: string, end: string]

/** JSON of about `bytes` bytes: a start, a repeated pattern, and an end. */
function filled ([start, end]: Frame, pattern: string, bytes: number): Body {
  const filling = Buffer.alloc(bytes - bytes % Buffer.byteLength(pattern), pattern)
  return { type: 'application/json', bytes: Buffer.concat([Buffer.from(start), filling, Buffer.from(end)]) }
}

/** A body that is filled in one field. Its other fields are valid. */
function frame (fields: object, field: string, open: string, close: string): Frame {
  const others = JSON.stringify({ ...fields, [field]: undefined }).slice(0, -1)
  return [`${others}${others === '{' ? '' : ','}${JSON.stringify(field)}:${open}`, `${close}}`]
}

interface Interface { paths: readonly string[], fields: object, names: readonly string[] }

const CHAT: Interface = {
  paths: CHAT_PATHS,
  fields: { message: 'Hi' },
  names: [
    'message', 'history', 'images', 'history_images', 'system', 'stop', 'temperature', 'response_format', 'colour'
  ]
}

const completion = (model: string): Interface => ({
  paths: [COMPLETIONS],
  fields: { model, messages: [{ role: 'user', content: 'Hi' }] },
  names: ['messages', 'model', 'tools', 'tool_choice', 'stop', 'seed', 'response_format', 'metadata']
})

const drawInterface = ({ draw, model }: Material) => draw.chance(COMPLETION_SHARE) ? completion(model) : CHAT

const ITEMS: ReadonlyArray<[detail: string, item: string]> = [
  ['zeros', '0'], ['empty objects', '{}'], ['empty lists', '[]'], ['characters', '"a"'], ['nulls', 'null']
]

/** A body with far more JSON values than allowed. */
function manyValues (material: Material): Draft {
  const { draw } = material
  const { paths, fields, names } = drawInterface(material)
  const field = draw.pick(names)
  const [detail, item] = draw.pick(ITEMS)
  const body = filled(frame(fields, field, '[', `${item}]`), `${item},`, draw.between(12, 15) * MB)
  return draft(postRequest(draw.pick(paths), body), 'error 400 INVALID_JSON', { detail: `${detail} in ${field}` })
}

const NAME_BYTES = '"k000000":0,'.length
const MOST_NAMES = 900_000
/** The text is created once, because creating it takes longer than sending it. */
let members: Buffer | undefined

function membersOf (count: number): Buffer {
  const nameOf = (index: number) => `"k${String(index).padStart(6, '0')}":0,`
  members ??= Buffer.from(Array.from({ length: MOST_NAMES }, (_, index) => nameOf(index)).join(''))
  return members.subarray(0, count * NAME_BYTES)
}

/** A body with hundreds of thousands of property names. */
function manyNames (material: Material): Draft {
  const { draw } = material
  const { paths, fields } = drawInterface(material)
  const isInside = draw.chance(0.5)
  const start = `${JSON.stringify(fields).slice(0, -1)},${isInside ? '"colour":{' : ''}`
  const end = `"last":0}${isInside ? '}' : ''}`
  const some = membersOf(draw.between(MOST_NAMES / 3, MOST_NAMES))
  const body = { type: 'application/json', bytes: Buffer.concat([Buffer.from(start), some, Buffer.from(end)]) }
  const detail = isInside ? 'in an unknown field' : 'unknown fields'
  return draft(postRequest(draw.pick(paths), body), 'error 400 INVALID_JSON', { detail })
}

/** Patterns of one or two characters, some of them escaped. */
const CHARACTERS: ReadonlyArray<[detail: string, text: string]> = [
  ['letters', 'x'],
  ['emoji', '😀'],
  ['escaped letters', '\\u0061'],
  ['escaped quotes', '\\"'],
  ['blanks and letters', ' x']
]

const TEXTS = [
  { field: 'message', open: '"', close: '"', ending: 'error 400 MESSAGE_TOO_LONG' },
  { field: 'system', open: '"', close: '"', ending: 'error 400 INVALID_FIELD' },
  { field: 'stop', open: '"', close: '"', ending: 'error 400 INVALID_FIELD' },
  { field: 'history', open: '[{"role":"user","content":"', close: '"}]', ending: 'error 400 INVALID_HISTORY' }
]

/** A text that is nearly as long as a body may be. */
function longText ({ draw }: Material): Draft {
  const [detail, text] = draw.pick(CHARACTERS)
  const { field, open, close, ending } = draw.pick(TEXTS)
  const body = filled(frame({ message: 'Hi' }, field, open, close), text, (LIMITS.jsonBodyMb - 0.1) * MB)
  return draft(postRequest(draw.pick(CHAT_PATHS), body), ending, { detail: `${field} of ${detail}` })
}

/** A data URI with white space between all characters, which base64 allows. */
function spacedUri (data: Buffer): string {
  const text = Buffer.from(data.toString('base64'), 'utf16le')
  // Replaces the upper bytes of UTF-16, which are zero, with blanks.
  for (let at = 1; at < text.length; at += 2) text[at] = 0x20
  return `data:image/png;base64,${text.toString('latin1')}`
}

/** An image as spaced base64, made larger by bytes after its end. */
function spacedBase64 (material: Material): Draft {
  const { draw } = material
  const { images: [first, ...others], ...question } = drawQuestion(material)
  const size = draw.pick([0.9, 1.3]) * LIMITS.maxFileMb * MB
  const images = [Buffer.concat([first!, draw.bytes(Math.floor(size))]), ...others]
  const asked = askIn(draw.pick(JSONS), material, { ...question, images, uri: spacedUri })
  return { ...asked, right: [...asked.right, 'error 413 *'] }
}

/** JSON bodies that take long to read. */
export const costly: Kind[] = [
  { name: 'many values', weight: 4, make: manyValues },
  { name: 'many names', weight: 1, make: manyNames },
  { name: 'long text', weight: 3, make: longText },
  { name: 'base64 with blanks', weight: 2, make: spacedBase64 }
]
