import type { TSchema } from 'typebox'
import * as errors from '../errors/catalogue.ts'
import { verbatim } from '../errors/language.ts'
import {
  BODY_FAULTS, FETCH_FAULTS, FIELD_FAULTS, FILE_KINDS, IMAGE_ADVICE, IMAGE_FAULTS, NOT_READY, STORAGE_FAULTS,
  THINKING_FAULTS
} from '../errors/phrases.ts'
import { unknownField } from '../services/chat/unknown-field.ts'
import { toOpenAiError } from '../services/openai/error.ts'
import { ErrorSchema } from '../schemas/chat.ts'
import { OpenAiErrorSchema } from '../schemas/openai-answer.ts'

/** The API that an error belongs to. */
type Interface = 'chat' | 'openai'

const ID = 'sha256:2409f0fd3dda80f688d64f445f699d3a47e10a6a68828b62197232f09ebe486e'
const PHOTO = 'images[1] ("photo.jpg")'
const AT_PHOTO = { image: 1, field: 'images[1]' }
const both: Interface[] = ['chat', 'openai']

/** An example of every error that a client can get, and the APIs that report it. */
export const ERROR_EXAMPLES: Array<[errors.SightlineError, Interface[]]> = [
  [new errors.ValidationError('Premature close'), both],
  [new errors.MessageRequiredError(), ['chat']],
  [new errors.MessageTooLongError(40_000, 32_000), ['chat']],
  [unknownField('mesage'), ['chat']],
  [new errors.InvalidFieldError('temperature', verbatim('must be <= 2')), both],
  [new errors.InvalidHistoryError(FIELD_FAULTS.mustBeTurns), ['chat']],
  [new errors.InvalidJsonError(BODY_FAULTS.empty), both],
  [new errors.InvalidMultipartError(BODY_FAULTS.namelessPart), ['chat']],
  [new errors.TooManyImagesError(8), both],
  [new errors.TooManyCopiesError(128), both],
  [new errors.UnsupportedSchemaError('not', '/properties/name', verbatim('cannot be enforced')), both],
  [new errors.PromptRefusedError('No user query found in messages.'), both],
  [new errors.ToolsNotSupportedError(), ['openai']],
  [new errors.ThinkingNotSupportedError('thinking', THINKING_FAULTS.cannot('Qwen3VL-4B-Instruct-Q4_K_M')), both],
  [new errors.ImageUrlRefusedError(
    'messages[0].content[1].image_url.url', FETCH_FAULTS.off
  ), ['openai']],
  [
    new errors.ImageUrlFailedError('messages[0].content[1].image_url.url', FETCH_FAULTS.status(404)),
    ['openai']
  ],
  [new errors.UnauthorizedError(), both],
  [new errors.MalformedRequestError(), ['chat']],
  [new errors.NotFoundError(verbatim('GET /api/cats')), []],
  [
    errors.withDetails(new errors.ModelNotFoundError('gpt-5', 'Qwen3VL-4B-Instruct-Q4_K_M'), { field: 'model' }),
    ['openai']
  ],
  [new errors.UploadTimeoutError(60), both],
  [new errors.RequestIncompleteError(), ['chat']],
  [errors.withDetails(new errors.ImageExpiredError(ID), { ids: [ID] }), both],
  [new errors.BodyTooLargeError(4), both],
  [new errors.FieldTooLargeError('history', 1_048_576), ['chat']],
  [new errors.FormTooLargeError('history', 4_194_304), ['chat']],
  [errors.withDetails(new errors.FileTooLargeError(PHOTO, 20), { ...AT_PHOTO, limit_mb: 20 }), both],
  [new errors.PromptTooLongError(9000, 8190), both],
  [new errors.UnsupportedMediaTypeError('text/plain'), both],
  [new errors.UnsupportedEncodingError('gzip'), both],
  [errors.withDetails(new errors.UnsupportedImageError(PHOTO, FILE_KINDS.pdf, IMAGE_ADVICE.convert), AT_PHOTO), both],
  [errors.withDetails(new errors.EmptyFileError(PHOTO), AT_PHOTO), both],
  [errors.withDetails(new errors.CorruptImageError(PHOTO, IMAGE_FAULTS.damaged), AT_PHOTO), both],
  [errors.withDetails(new errors.ImageTooManyPixelsError(verbatim(PHOTO), 60_000, 40_000, 100_000_000), {
    ...AT_PHOTO, width: 60_000, height: 40_000, max_pixels: 100_000_000
  }), both],
  [errors.withDetails(new errors.ImageTooNarrowError(PHOTO, 8000, 20), { ...AT_PHOTO, width: 8000, height: 20 }), both],
  [new errors.ImagesDoNotFitError(4096, 900), both],
  [new errors.NoVisionError(), both],
  [new errors.HeadersTooLargeError(16), ['chat']],
  [new errors.ServerBusyError(), both],
  [new errors.RateLimitedError(60), both],
  [new errors.TooManyWrongKeysError(20), both],
  [new errors.ClientLeftError(), []],
  [new errors.EngineError(), both],
  [new errors.InternalError(), both],
  [new errors.QueueTimeoutError(30), both],
  [new errors.OverloadedError(), both],
  [new errors.ShuttingDownError(), both],
  [new errors.EngineNotReadyError(NOT_READY.loading), both],
  [new errors.EngineCrashedError(), both],
  [errors.withDetails(new errors.TimeoutError(300), { response: 'A red', thoughts: '' }), both],
  [new errors.StorageError(STORAGE_FAULTS.diskFull), both]
]

const REQUEST_ID = 'c87b15e6-355a-4a15-8a6f-ea05238a5439'

const STATUSES: Record<number, string> = {
  400: 'A field is missing, malformed, unknown or not supported',
  401: 'The key is missing or wrong; only if API_KEYS is set',
  404: 'The model is not loaded',
  408: 'The request or its upload took too long to arrive',
  410: 'Images of earlier turns are no longer cached: send them again',
  413: 'The body, a file or the conversation is too large',
  415: 'The type of the body or of an image is not supported',
  422: 'An image is corrupt, or the images do not fit the context',
  429: 'All slots are busy, or too many requests or wrong keys in a minute; retry after `Retry-After`',
  431: 'The URL and the headers are too large',
  500: 'The model or the service failed',
  503: 'The model is not ready, or the service is shutting down or overloaded; retry after `Retry-After`',
  504: 'The request took too long',
  507: 'The upload could not be stored'
}

const RETRY_AFTER = { 'Retry-After': { description: 'Seconds until a retry', type: 'integer', minimum: 1 } }

/** Documents the error responses of an operation: for each status, an example of every code. */
export function faultDocs (statuses: number[], schema: typeof ErrorSchema | typeof OpenAiErrorSchema) {
  const kind: Interface = schema === (ErrorSchema as TSchema) ? 'chat' : 'openai'
  return Object.fromEntries(statuses.map(status => {
    const found = ERROR_EXAMPLES
      .filter(([error, interfaces]) => error.statusCode === status && interfaces.includes(kind))
      .map(([error]) => error)
    const examples =
      Object.fromEntries(found.map(error => [error.code, { summary: error.message, value: exampleBody(error, kind) }]))
    const headers = status === 429 || status === 503 ? { headers: RETRY_AFTER } : {}
    return [
      status, { description: STATUSES[status]!, ...headers, content: { 'application/json': { schema, examples } } }
    ]
  }))
}

function exampleBody (error: errors.SightlineError, kind: Interface): object {
  if (kind === 'openai') return toOpenAiError(error, error.message, REQUEST_ID)
  return { error: error.message, code: error.code, request_id: REQUEST_ID, ...error.details }
}
