import type { Failure } from '../api/failure.ts'
import type { Box, ChatDone, Point, Receipt } from '../api/types.ts'
import {
  newId, type Answer, type Conversation, type DocumentPage, type Format, type Question, type StoredImage,
  type Thoughts, type Turn
} from './conversation.ts'
import { fromDataUri } from './data-uri.ts'
import { EXPORT_FORMAT, EXPORT_VERSION } from './export-json.ts'
import { DOCUMENT, typeOf } from './image-file.ts'
import {
  flag, list, nullable, number, numbers, oneOf, optional, record, ShapeError, text, time, variant, withDefault,
  type Read
} from './read.ts'

/** Imported conversations with new ids, and the bytes of their images by key. */
export interface Imported {
  conversations: Conversation[]
  images: Array<{ conversation: string, key: string, blob: Blob }>
}

/** The file contains no exported conversations, or its version is not supported. */
export class NotAnExportError extends Error {
  /** The version of the file; null when it has none. */
  readonly version: string | null

  constructor (version: string | null) {
    super('not an export that can be read')
    this.version = version
  }
}

/**
 * Reads the output of `toJson`.
 * @throws SyntaxError when the text is not JSON
 * @throws NotAnExportError
 * @throws ShapeError with the path of the fault
 */
export function fromJson (json: string): Imported {
  const value: unknown = JSON.parse(json)
  const { format, version } = typeof value === 'object' && value !== null ? value as Record<string, unknown> : {}
  if (format !== EXPORT_FORMAT) throw new NotAnExportError(null)
  if (version !== EXPORT_VERSION) throw new NotAnExportError(String(version))
  const images: Imported['images'] = []
  const { conversations } = record({ conversations: list(conversationReader(images)) })(value, '')
  return { conversations, images }
}

function conversationReader (images: Imported['images']): Read<Conversation> {
  return (value, path) => {
    const id = newId()
    const readImage = imageReader((key, blob) => images.push({ conversation: id, key, blob }))
    const readTurn = variant<Turn>('role', {
      user: record<Question>({
        id: newId, role: oneOf('user'), text, at: time, pictures: list(readImage), format: optional(readFormat)
      }),
      assistant: readAnswer
    })
    const read = record<Conversation>({
      id: () => id, title: text, turns: list(readTurn), createdAt: time, updatedAt: time
    })(value, path)
    read.turns.forEach(({ role }, i) => {
      if (role === 'assistant' && read.turns[i - 1]?.role !== 'user') {
        throw new ShapeError(`${path}.turns[${i}].role`, '"user"')
      }
    })
    return read
  }
}

function imageReader (onBytes: (key: string, blob: Blob) => void): Read<StoredImage> {
  const readImage = record({
    name: text,
    type: text,
    bytes: number,
    width: nullable(number),
    height: nullable(number),
    id: nullable(text),
    data: nullable(text),
    page: optional(record<DocumentPage>({ document: text, file: text, number, of: number }))
  })
  /** New keys of documents, by those of the file. */
  const documents = new Map<string, string>()
  return (value, path) => {
    const { data, page: old, ...image } = readImage(value, path)
    const key = newId()
    const page = old && { ...old, document: documents.get(old.document) ?? newId() }
    if (page) documents.set(old.document, page.document)
    if (data === null) return { key, ...image, ...page && { page } }
    const bytes = fromDataUri(data)
    // The type is detected from the bytes: an object URL of the page must never serve anything but an image.
    const type = bytes && typeOf(bytes)
    if (!bytes || !type || (type === DOCUMENT) !== (page !== undefined)) {
      throw new ShapeError(`${path}.data`, page ? `data:${DOCUMENT};base64,…` : 'data:image/…;base64,…')
    }
    onBytes(page?.document ?? key, new Blob([bytes], { type }))
    return { key, ...image, type, bytes: bytes.length, ...page && { page } }
  }
}

const readSize = record({ width: number, height: number })

const readReceipt = record<Receipt>({
  id: text,
  original: readSize,
  sent: readSize,
  format: oneOf('jpeg', 'png', 'webp', 'avif', 'heic', 'gif', 'tiff', 'pdf'),
  bytes: number,
  tokens: number,
  compressed: flag,
  scaled: flag,
  cached: flag,
  document: optional(record({ id: text, name: text, page: number, pages: number })),
  frame: optional(record({ number, frames: number, time_ms: number }))
})

const readDone = record<ChatDone>({
  success: oneOf(true),
  finish_reason: oneOf('stop', 'length'),
  usage: record({
    prompt_tokens: number,
    image_tokens: number,
    cached_tokens: number,
    thinking_tokens: withDefault(number, 0),
    completion_tokens: number
  }),
  timings: record({
    queue_ms: number,
    upload_ms: number,
    prepare_ms: number,
    encode_ms: number,
    prefill_ms: number,
    thinking_ms: withDefault(number, 0),
    decode_ms: number,
    ttft_ms: number,
    total_ms: number
  }),
  images: list(readReceipt),
  boxes: list(record<Box>({ image: number, id: text, label: text, box: numbers<Box['box']>(4) })),
  points: list(record<Point>({ image: number, id: text, label: text, point: numbers<Point['point']>(2) })),
  model: text,
  request_id: text
})

const readFailure = record<Failure>({
  code: text,
  sentence: text,
  status: number,
  picture: nullable(number),
  requestId: nullable(text),
  retryAfterSeconds: nullable(number),
  ids: list(text)
})

const readFormat = variant<Format>('type', {
  text: record({ type: oneOf('text') }),
  object: record({ type: oneOf('object') }),
  schema: record({ type: oneOf('schema'), schema: text })
})

const readAnswer = record<Answer>({
  id: newId,
  role: oneOf('assistant'),
  text,
  at: time,
  state: oneOf('done', 'stopped', 'failed', 'interrupted'),
  format: readFormat,
  failure: nullable(readFailure),
  receipts: list(readReceipt),
  done: nullable(readDone),
  thoughts: optional(record<Thoughts>({ text, ms: number }))
})
