import { HEAD_MAX_BYTES } from '../../plugins/client-errors.ts'
import { MAX_REQUESTS_AT_ONCE } from '../../plugins/connection-limit.ts'
import { MAX_WRONG_KEYS } from '../../plugins/auth.ts'
import { DISCARD_MAX_BYTES } from '../../plugins/request-body.ts'
import * as limits from '../../schemas/limits.ts'
import { MAX_CHARACTERS, MAX_DEPTH, MAX_VALUES } from '../../services/chat/schema-grammar/document.ts'
import { MAX_GRAMMAR_LENGTH } from '../../services/chat/schema-grammar/work.ts'
import { MAX_CONSTANTS } from '../../services/chat/schema-grammar/keywords.ts'
import { HEIC_TIMEOUT_S } from '../../services/images/decoder/heic.ts'
import { MAX_APNG_CHUNKS } from '../../services/images/documents/apng.ts'
import { MAX_ANIMATION_PIXELS, MAX_FRAME_PIXELS } from '../../services/images/documents/frames.ts'
import {
  MAX_PDF_PAGES, PDF_MEMORY_MIB, PDF_OPEN_LIMIT_MS, PDF_RENDER_LIMIT_MS
} from '../../services/images/documents/pdf.ts'
import { DECODE_TIMEOUT_S } from '../../services/images/prepare.ts'
import { MAX_RATIO } from '../../services/images/inspect.ts'
import { MAX_AVIF_FRAMES, MAX_AVIF_UNITS } from '../../services/images/structure/avif.ts'
import { MAX_HEIF_INNER_BOXES } from '../../services/images/structure/boxes.ts'
import { MAX_GIF_BLOCKS } from '../../services/images/structure/gif.ts'
import * as heif from '../../services/images/structure/heif.ts'
import * as items from '../../services/images/structure/items.ts'
import * as jpeg from '../../services/images/structure/jpeg.ts'
import * as png from '../../services/images/structure/png.ts'
import { MAX_TEXT_MIB } from '../../services/images/structure/text.ts'
import * as tiff from '../../services/images/structure/tiff.ts'
import { MAX_HEIF_TABLE_ENTRIES } from '../../services/images/structure/tracks.ts'
import { MAX_WEBP_CHUNKS } from '../../services/images/structure/webp.ts'
import { HEAD_MAX_CHARACTERS, MAX_LENGTH_FACTOR } from '../../services/uploads/image-text.ts'

/** A limit for something that a client sends. */
export interface Limit {
  what: string
  /** A number with its unit, or the setting that contains it. */
  most: string
  /** The result beyond the limit: status and code, or the end of the connection. */
  beyond: string
  /** The file that enforces it. */
  by: string
}

const figure = (value: number) => value.toLocaleString('en-US')
const size = (bytes: number) => bytes >= 1024 * 1024 ? `${bytes / 1024 / 1024} MiB` : `${bytes / 1024} KiB`
const setting = (name: string) => `\`${name}\``
const row = (what: string, most: number | string, beyond: string, by: string): Limit =>
  ({ what, most: typeof most === 'number' ? figure(most) : most, beyond, by })

const INVALID_FIELD = '400 `INVALID_FIELD`'
const INVALID_HISTORY = '400 `INVALID_HISTORY`'
const UNSUPPORTED_SCHEMA = '400 `UNSUPPORTED_SCHEMA`'
const CORRUPT = '422 `CORRUPT_IMAGE`'
const MESSAGES = 'services/openai/messages.ts'
const FORM = 'services/uploads/form-fields.ts'
const FIELDS = 'services/chat/fields.ts'
const CHECK = 'schemas/check.ts'
const UPLOAD = 'services/uploads/upload.ts'
const IMAGE_TEXT = 'services/uploads/image-text.ts'
const DOCUMENTS = 'services/images/documents'
const STRUCTURE = 'services/images/structure'

/** Every list, size and time that a client controls, in the order of a request. A test tries each of them. */
export const LIMITS = {
  // The connection
  connections: row(
    'open connections', setting('MAX_CONNECTIONS'), 'the connection is closed', 'plugins/connection-limit.ts'
  ),
  pipelined: row(
    'unanswered requests on one connection', MAX_REQUESTS_AT_ONCE, 'the connection is cut',
    'plugins/connection-limit.ts'
  ),
  head: row('request line and headers', size(HEAD_MAX_BYTES), '431 `HEADERS_TOO_LARGE`', 'plugins/client-errors.ts'),
  headTime: row('time for the head of a request', setting('HEADERS_TIMEOUT'), '408 `REQUEST_INCOMPLETE`', 'app.ts'),
  uploadTime: row('time for the upload', setting('UPLOAD_TIMEOUT'), '408 `UPLOAD_TIMEOUT`', UPLOAD),
  requestTime: row('time for the answer', setting('REQUEST_TIMEOUT'), '504 `TIMEOUT`', 'plugins/cleanup.ts'),
  readTime: row(
    'time without reading the answer', setting('STALL_TIMEOUT'), 'the connection is cut', 'plugins/stalled-readers.ts'
  ),
  discarded: row(
    'rest of a body that was refused', size(DISCARD_MAX_BYTES), 'the connection is cut', 'plugins/request-body.ts'
  ),
  wrongKeys: row(
    'different wrong keys a minute from one address', MAX_WRONG_KEYS, '429 `TOO_MANY_WRONG_KEYS`', 'plugins/auth.ts'
  ),
  keyRate: row(
    'requests a minute with one key', setting('RATE_LIMIT_KEY'), '429 `RATE_LIMITED`', 'plugins/rate-limit.ts'
  ),
  addressRate: row(
    'requests a minute from one address', setting('RATE_LIMIT_ADDRESS'), '429 `RATE_LIMITED`', 'plugins/rate-limit.ts'
  ),
  slots: row(
    'requests at the same time', setting('MAX_CONCURRENT_REQUESTS'), '429 `SERVER_BUSY`', 'plugins/concurrency-limit.ts'
  ),
  queue: row('requests that wait', setting('QUEUE_SIZE'), '429 `SERVER_BUSY`', 'plugins/concurrency-limit.ts'),
  queueTime: row('time in the queue', setting('QUEUE_TIMEOUT'), '503 `QUEUE_TIMEOUT`', 'services/slots.ts'),

  // Bodies
  jsonBody: row(
    'a JSON body without its images', setting('JSON_BODY_LIMIT_MB'), '413 `BODY_TOO_LARGE`',
    'services/uploads/json-body.ts'
  ),
  jsonDepth: row(
    'levels of JSON', limits.JSON_MAX_DEPTH, '400 `INVALID_JSON`, or the error of the field',
    'services/json-bounds.ts'
  ),
  jsonValues: row(
    'items and members in JSON', limits.JSON_MAX_VALUES, '400 `INVALID_JSON`, or the error of the field',
    'services/json-bounds.ts'
  ),
  jsonNames: row(
    'characters of a name in JSON', limits.JSON_MAX_NAME, '400 `INVALID_JSON`, or the error of the field',
    'services/json-bounds.ts'
  ),
  formParts: row('parts of a form', limits.FORM_MAX_PARTS, '400 `INVALID_MULTIPART`', 'plugins/multipart.ts'),
  formFields: row('text fields of a form', limits.FORM_MAX_FIELDS, '400 `INVALID_MULTIPART`', FORM),
  formField: row('one text field of a form', size(limits.FIELD_MAX_BYTES), '413 `FIELD_TOO_LARGE`', FORM),
  formText: row('all text fields of a form', size(limits.FORM_TEXT_MAX_BYTES), '413 `FORM_TOO_LARGE`', FORM),
  images: row('different images', setting('MAX_IMAGES'), '400 `TOO_MANY_IMAGES`', UPLOAD),
  sentImages: row('images with their copies', limits.SENT_IMAGES_MAX, '400 `TOO_MANY_COPIES`', UPLOAD),
  pagesAndFrames: row(
    'images with pages and frames', setting('MAX_IMAGES'), '400 `TOO_MANY_IMAGES`', 'services/chat/expansion.ts'
  ),
  file: row('the file of an image', setting('MAX_FILE_SIZE_MB'), '413 `FILE_TOO_LARGE`', UPLOAD),
  uriHead: row('characters of a data URI before its base64', HEAD_MAX_CHARACTERS, INVALID_FIELD, IMAGE_TEXT),
  uriLength: row(
    'base64 of an image with its blanks and escapes', `${MAX_LENGTH_FACTOR} × ${setting('MAX_FILE_SIZE_MB')}`,
    '413 `FILE_TOO_LARGE`', IMAGE_TEXT
  ),

  // Fields
  message: row('characters of `message`', limits.MESSAGE_MAX_CHARACTERS, '400 `MESSAGE_TOO_LONG`', FIELDS),
  system: row('characters of `system`', limits.MESSAGE_MAX_CHARACTERS, INVALID_FIELD, CHECK),
  turns: row('turns of `history`', limits.HISTORY_MAX_TURNS, INVALID_HISTORY, CHECK),
  content: row('characters of a turn', limits.MESSAGE_MAX_CHARACTERS, INVALID_HISTORY, CHECK),
  turnImages: row('ids of one turn', limits.TURN_MAX_IMAGES, INVALID_HISTORY, CHECK),
  namedImages: row(
    'different images named by id', limits.NAMED_IMAGES_MAX, `${INVALID_HISTORY}, on \`/v1\` \`INVALID_FIELD\``,
    'services/chat/named-images.ts'
  ),
  mentions: row(
    'mentions of images by id', limits.NAMED_IMAGES_MAX_MENTIONS, `${INVALID_HISTORY}, on \`/v1\` \`INVALID_FIELD\``,
    'services/chat/named-images.ts'
  ),
  stops: row('stop strings', limits.STOP_MAX_STRINGS, INVALID_FIELD, CHECK),
  stop: row('characters of a stop string', limits.STOP_MAX_CHARACTERS, INVALID_FIELD, CHECK),
  pages: row('characters of `pages`', limits.PAGES_MAX_CHARACTERS, INVALID_FIELD, CHECK),
  frames: row('`frames`', limits.FRAMES_MAX, INVALID_FIELD, CHECK),
  messages: row('`messages` on `/v1`', limits.MESSAGES_MAX, INVALID_FIELD, CHECK),
  parts: row('parts of all messages', limits.MESSAGES_MAX_PARTS, INVALID_FIELD, MESSAGES),
  calls: row('tool calls of all messages', limits.CALLS_MAX, INVALID_FIELD, MESSAGES),
  members: row(
    'fields of a request on `/v1`, members of a message', limits.MEMBERS_MAX, '400 `INVALID_JSON`',
    'services/openai/json.ts'
  ),
  tools: row('`tools`', limits.TOOLS_MAX, INVALID_FIELD, CHECK),
  schemaValues: row(
    'values of a JSON schema', MAX_VALUES, UNSUPPORTED_SCHEMA, 'services/chat/schema-grammar/document.ts'
  ),
  schemaText: row(
    'characters of a JSON schema', MAX_CHARACTERS, UNSUPPORTED_SCHEMA, 'services/chat/schema-grammar/document.ts'
  ),
  schemaConstants: row(
    'values of an `enum`', MAX_CONSTANTS, UNSUPPORTED_SCHEMA, 'services/chat/schema-grammar/keywords.ts'
  ),
  schemaDepth: row(
    'levels of a JSON schema', MAX_DEPTH, UNSUPPORTED_SCHEMA, 'services/chat/schema-grammar/document.ts'
  ),
  grammar: row(
    'characters of the grammar for all schemas', MAX_GRAMMAR_LENGTH, UNSUPPORTED_SCHEMA,
    'services/chat/schema-grammar/work.ts'
  ),
  maxTokens: row('`max_tokens` on `/api`', limits.MAX_TOKENS_MAX, INVALID_FIELD, CHECK),
  prompt: row(
    'tokens of text and earlier images', setting('CONTEXT_SIZE'), '413 `PROMPT_TOO_LONG`', 'services/chat/plan.ts'
  ),

  // Images
  pixels: row(
    'pixels that a header claims', setting('MAX_INPUT_PIXELS'), '422 `IMAGE_TOO_MANY_PIXELS`',
    'services/images/inspect.ts'
  ),
  ratio: row('longer side over shorter side', MAX_RATIO, '422 `IMAGE_TOO_NARROW`', 'services/images/inspect.ts'),
  decodeTime: row('time to decode an image', `${DECODE_TIMEOUT_S} s`, CORRUPT, 'services/images/prepare.ts'),
  heicTime: row('time to decode a HEIC', `${HEIC_TIMEOUT_S} s`, CORRUPT, 'services/images/decoder/heic.ts'),
  text: row(
    'comments and XMP of a PNG, WebP, TIFF, AVIF or HEIC', `${MAX_TEXT_MIB} MiB`, CORRUPT, `${STRUCTURE}/text.ts`
  ),
  jpegSegments: row('segments of a JPEG', jpeg.MAX_JPEG_SEGMENTS, CORRUPT, `${STRUCTURE}/jpeg.ts`),
  jpegScans: row('scans of a JPEG', jpeg.MAX_JPEG_SCANS, CORRUPT, `${STRUCTURE}/jpeg.ts`),
  pngChunks: row('chunks of a PNG before its pixels', png.MAX_PNG_CHUNKS, CORRUPT, `${STRUCTURE}/png.ts`),
  pngTexts: row('compressed texts of a PNG', png.MAX_PNG_COMPRESSED_TEXTS, CORRUPT, `${STRUCTURE}/png.ts`),
  gifBlocks: row('frames and extensions of a GIF', MAX_GIF_BLOCKS, CORRUPT, `${STRUCTURE}/gif.ts`),
  webpChunks: row('chunks of a WebP', MAX_WEBP_CHUNKS, CORRUPT, `${STRUCTURE}/webp.ts`),
  tiffPages: row('pages of a TIFF', tiff.MAX_TIFF_PAGES, CORRUPT, `${STRUCTURE}/tiff.ts`),
  tiffTagsOfPage: row('tags of a page of a TIFF', tiff.MAX_TIFF_TAGS_OF_PAGE, CORRUPT, `${STRUCTURE}/tiff.ts`),
  tiffTags: row('tags of all pages of a TIFF', tiff.MAX_TIFF_TAGS, CORRUPT, `${STRUCTURE}/tiff.ts`),
  tiffShared: row(
    'values that pages of a TIFF share', `${tiff.MAX_TIFF_SHARED_MIB} MiB`, CORRUPT, `${STRUCTURE}/tiff.ts`
  ),
  heifBoxes: row('boxes of an AVIF or HEIC', heif.MAX_HEIF_BOXES, CORRUPT, `${STRUCTURE}/heif.ts`),
  heifInnerBoxes: row('boxes within boxes of an AVIF or HEIC', MAX_HEIF_INNER_BOXES, CORRUPT, `${STRUCTURE}/boxes.ts`),
  heifItems: row('items of an AVIF or HEIC', items.MAX_HEIF_ITEMS, CORRUPT, `${STRUCTURE}/items.ts`),
  heifExtents: row('extents of all items', items.MAX_HEIF_EXTENTS, CORRUPT, `${STRUCTURE}/items.ts`),
  heifShared: row('bytes that items share', `${items.MAX_HEIF_SHARED_MIB} MiB`, CORRUPT, `${STRUCTURE}/items.ts`),
  heifParts: row('parts of all images of an AVIF or HEIC', items.MAX_HEIF_PARTS, CORRUPT, `${STRUCTURE}/items.ts`),
  heifPartsOfImage: row(
    'parts of one image of an AVIF or HEIC', heif.MAX_HEIF_PARTS_OF_IMAGE, CORRUPT, `${STRUCTURE}/heif.ts`
  ),
  heifAssociations: row(
    'associations of items with properties', items.MAX_HEIF_ASSOCIATIONS, CORRUPT, `${STRUCTURE}/items.ts`
  ),
  avifUnits: row('coded units (OBUs) of all images of an AVIF', MAX_AVIF_UNITS, CORRUPT, `${STRUCTURE}/avif.ts`),
  avifFrames: row('frames of one image of an AVIF', MAX_AVIF_FRAMES, CORRUPT, `${STRUCTURE}/avif.ts`),
  heifTables: row('table entries of image sequences', MAX_HEIF_TABLE_ENTRIES, CORRUPT, `${STRUCTURE}/tracks.ts`),
  pdfPages: row('pages of a PDF', MAX_PDF_PAGES, CORRUPT, `${DOCUMENTS}/pdf.ts`),
  pdfOpening: row('time to open a PDF', `${PDF_OPEN_LIMIT_MS / 1000} s`, CORRUPT, `${DOCUMENTS}/pdf.ts`),
  pdfRendering: row('time to render a page', `${PDF_RENDER_LIMIT_MS / 1000} s`, CORRUPT, `${DOCUMENTS}/pdf.ts`),
  pdfMemory: row('memory to render a page', `${PDF_MEMORY_MIB} MiB`, CORRUPT, `${DOCUMENTS}/pdf.ts`),
  animationPixels: row(
    'pixels of all frames of an animation, with `frames`', MAX_ANIMATION_PIXELS, CORRUPT, `${DOCUMENTS}/frames.ts`
  ),
  framePixels: row(
    'pixels of one frame of an animation, with `frames`', MAX_FRAME_PIXELS, CORRUPT, `${DOCUMENTS}/frames.ts`
  ),
  apngChunks: row('chunks of an animated PNG, with `frames`', MAX_APNG_CHUNKS, CORRUPT, `${DOCUMENTS}/apng.ts`)
} satisfies Record<string, Limit>

export type LimitName = keyof typeof LIMITS

const BEGIN = '<!-- limits: written by `npm run docs:limits` from tools/scripts/limits.ts -->'
const END = '<!-- /limits -->'

/** The table of all limits in docs/api.md. */
export function limitsTable (): string {
  const rows =
    Object.values<Limit>(LIMITS).map(({ what, most, beyond, by }) => `| ${what} | ${most} | ${beyond} | \`${by}\` |`)
  return ['| what a client sends | at most | beyond it | enforced by |', '|---|---|---|---|', ...rows].join('\n')
}

/**
 * Replaces the table between the two markers of a document.
 * @throws Error when a marker is missing
 */
export function withLimitsTable (document: string): string {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`the document must contain ${BEGIN} and ${END}`)
  return `${document.slice(0, begin)}${BEGIN}\n\n${limitsTable()}\n\n${document.slice(end)}`
}
