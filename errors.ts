import createError from '@fastify/error'

/**
 * Every error that a client can meet: a stable code, a sentence that names the culprit, an HTTP status.
 *
 * The sentence is a printf template (`%s`); whatever a program may want to read as well goes into `details`, which the
 * error handler spreads into the body: `throw withDetails(new ImageTooLargeError('photo.jpg', 20), { image: 1 })`.
 */

// Requests that are malformed (400)
export const ValidationError = createError<[string]>('VALIDATION', '%s', 400)
export const MessageRequiredError = createError('MESSAGE_REQUIRED', 'Field "message" is required and must not be empty', 400)
export const MessageTooLongError = createError<[number, number]>('MESSAGE_TOO_LONG', 'Field "message" has %s characters, the limit is %s', 400)
export const UnknownFieldError = createError<[string]>('UNKNOWN_FIELD', 'Field "%s" is not known', 400)
export const InvalidFieldError = createError<[string, string]>('INVALID_FIELD', 'Field "%s" %s', 400)
export const InvalidHistoryError = createError<[string]>('INVALID_HISTORY', 'Field "history" %s', 400)
export const InvalidJsonError = createError<[string]>('INVALID_JSON', 'The body is not valid JSON: %s', 400)
export const InvalidMultipartError = createError<[string]>('INVALID_MULTIPART', 'The multipart body is malformed: %s', 400)
export const TooManyImagesError = createError<[number]>('TOO_MANY_IMAGES', 'More than %s pictures in one request', 400)

// Bodies and pictures that are refused for what they are (408, 413, 415, 422)
export const UploadTimeoutError = createError<[number]>('UPLOAD_TIMEOUT', 'The upload took longer than %s seconds', 408)
export const BodyTooLargeError = createError<[number]>('BODY_TOO_LARGE', 'The body is larger than %s MB; larger pictures go as multipart/form-data', 413)
export const FieldTooLargeError = createError<[string, number]>('FIELD_TOO_LARGE', 'Field "%s" is larger than %s bytes', 413)
export const FileTooLargeError = createError<[string, number]>('FILE_TOO_LARGE', '%s is larger than %s MB', 413)
export const PromptTooLongError = createError<[number, number]>('PROMPT_TOO_LONG', 'The conversation needs %s tokens, the context holds %s', 413)
export const UnsupportedMediaTypeError = createError<[string]>('UNSUPPORTED_MEDIA_TYPE', 'Content-Type %s is not supported; send multipart/form-data or application/json', 415)
export const UnsupportedImageError = createError<[string, string]>('UNSUPPORTED_IMAGE', '%s is %s; send JPEG, PNG, WebP, AVIF, GIF or TIFF', 415)
export const EmptyFileError = createError<[string]>('EMPTY_FILE', '%s is empty', 422)
export const CorruptImageError = createError<[string, string]>('CORRUPT_IMAGE', '%s cannot be decoded: %s', 422)
export const ImageTooManyPixelsError = createError<[string, number, number, number]>('IMAGE_TOO_MANY_PIXELS', '%s claims %s x %s pixels, the limit is %s pixels', 422)
export const ImageTooNarrowError = createError<[string, number, number]>('IMAGE_TOO_NARROW', '%s is %s x %s pixels: the longer side is more than 200 times the shorter', 422)
export const ImagesDoNotFitError = createError<[number, number]>('IMAGES_DO_NOT_FIT', 'The pictures need at least %s tokens, %s are left in the context', 422)
/** Nobody is there to read it; for the log. */
export const ClientLeftError = createError('CLIENT_LEFT', 'The client left', 499)
export const ImageExpiredError = createError<[string]>('IMAGE_EXPIRED', 'These pictures are no longer cached, send them again: %s', 410)
export const NoVisionError = createError('NO_VISION', 'The loaded model cannot see pictures', 422)

// The service's own state (404, 429, 5xx)
export const NotFoundError = createError<[string]>('NOT_FOUND', 'There is nothing at %s', 404)
export const ServerBusyError = createError('SERVER_BUSY', 'All slots are busy, try again in a moment', 429)
export const QueueTimeoutError = createError<[number]>('QUEUE_TIMEOUT', 'No slot came free within %s seconds', 503)
export const OverloadedError = createError('OVERLOADED', 'The service is overloaded, try again in a moment', 503)
export const ShuttingDownError = createError('SHUTTING_DOWN', 'The service is shutting down', 503)
export const EngineNotReadyError = createError<[string]>('ENGINE_NOT_READY', 'The model is not ready: %s', 503)
export const EngineCrashedError = createError('ENGINE_CRASHED', 'The model process died while it worked on this request; it is being restarted', 503)
export const TimeoutError = createError<[number]>('TIMEOUT', 'The request took longer than %s seconds', 504)
export const EngineError = createError('ENGINE_ERROR', 'The model failed on this request; the log says why', 500)
export const StorageError = createError<[string]>('STORAGE', 'The upload could not be stored: %s', 507)
export const InternalError = createError('INTERNAL', 'Something went wrong inside the service', 500)

/** An error of ours: `details` are merged into the JSON body beside `error`, `code` and `request_id`. */
export interface SightlineError extends Error {
  code: string
  statusCode: number
  details?: Record<string, unknown>
}

/** Adds machine-readable details to those that an error has and returns the same error. */
export function withDetails<E extends Error> (error: E, details: Record<string, unknown>): E & SightlineError {
  const before = (error as Partial<SightlineError>).details
  return Object.assign(error, { details: { ...before, ...details } }) as unknown as E & SightlineError
}
