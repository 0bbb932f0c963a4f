import type { FastifyError, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import {
  InternalError, InvalidJsonError, InvalidMultipartError, SightlineError, UnsupportedMediaTypeError, ValidationError,
  withDetails
} from '../errors/catalogue.ts'
import { preferredLanguage, verbatim } from '../errors/language.ts'
import { BODY_TYPES } from '../errors/phrases.ts'
import { FORM_MAX_PARTS } from '../schemas/limits.ts'
import { toOpenAiError } from '../services/openai/error.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * The ending of the request: `ANSWERED` or an error code; null while it is not known. The metrics plugin counts it
     * once, when the response has closed.
     */
    ending: string | null
  }
}

/** Shapes an error for clients. */
export type ToErrorBody = (error: SightlineError, request: FastifyRequest) => object

const TOO_MANY_PARTS = { en: `it has more than ${FORM_MAX_PARTS} parts`, zh: `超过 ${FORM_MAX_PARTS} 个部分` }
/** `Retry-After` of a service that is starting, stopping or overloaded, in seconds. */
const UNAVAILABLE_RETRY_S = 5
/** Codes of the multipart parser's errors. */
const MULTIPART_CODE = /^FST_.*(?:MULTIPART|_PARTS_|_FILES_|_FIELDS_|_JSON_FIELD_|PROTO_VIOLATION|PREMATURE)/

/** Answers every error with a body of one shape, which `toErrorBody` gives it. */
const plugin: FastifyPluginAsync = async app => {
  app.decorateRequest('ending', null)
  app.setErrorHandler(createErrorHandler())
}

/**
 * Creates an error handler that sends errors in the shape of `toBody`. It also handles errors that occur before Fastify
 * has found a route.
 */
export function createErrorHandler (toBody: ToErrorBody = toErrorBody) {
  return (error: FastifyError | SightlineError, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const known = toSightlineError(error, request)
    noteFailure(error, known, request)
    if ((known.statusCode === 429 || known.statusCode === 503) && !reply.hasHeader('retry-after')) {
      reply.header('retry-after', known.retryAfterSeconds ?? UNAVAILABLE_RETRY_S)
    }
    // No hook has set the id if the error occurred before Fastify found a route.
    return reply.code(known.statusCode).header('x-request-id', request.id).send(toBody(known, request))
  }
}

/**
 * Records the failure of a request for its metrics, its trace and the log. Only failures of the service itself are
 * logged with their stack.
 */
export function noteFailure (error: Error, known: SightlineError, request: FastifyRequest): void {
  const { log, trace } = request
  request.ending = known.code
  trace?.fail(known.code, known.statusCode)
  if (known.statusCode === 500 || known.statusCode === 507) log.error({ err: error }, 'request failed')
  else if (known.statusCode > 500) log.warn({ code: known.code }, 'request not served')
  else log.info({ code: known.code }, 'request refused')
}

/** Paths of the OpenAI-compatible API, routes or not: SDKs also try paths that this service does not have. */
const OPENAI_PATH = /^\/+v1(?:[/?]|$)/

/**
 * The body of an error response, and the data of an `error` event, in the language of the client:
 * `{ error, code, request_id, …details }`, or OpenAI's shape on paths below `/v1`.
 */
export function toErrorBody (error: SightlineError, request: FastifyRequest): object {
  const sentence = error.sentence(preferredLanguage(request.headers['accept-language']))
  if (OPENAI_PATH.test(request.url)) return toOpenAiError(error, sentence, request.id)
  return { error: sentence, code: error.code, request_id: request.id, ...error.details }
}

/** Translates errors of Fastify. An unexpected error becomes `INTERNAL`; only the log contains its message. */
export function toSightlineError (error: FastifyError | SightlineError, request: FastifyRequest): SightlineError {
  if (error instanceof SightlineError) return error
  const { code = '', statusCode, message } = error
  switch (code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new UnsupportedMediaTypeError(
        mediaTypeOf(request) ?? '(none)', OPENAI_PATH.test(request.url) ? BODY_TYPES.json : BODY_TYPES.formOrJson
      )
    case 'FST_PARTS_LIMIT':
      return withDetails(new InvalidMultipartError(TOO_MANY_PARTS), { limit: FORM_MAX_PARTS })
  }
  if (MULTIPART_CODE.test(code)) return new InvalidMultipartError(verbatim(message))
  if (error instanceof SyntaxError && statusCode === 400) return new InvalidJsonError(verbatim(message))
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return Object.assign(new ValidationError(message), { statusCode })
  }
  return new InternalError()
}

/** The media type of the body without its parameters, such as the boundary of a form. */
function mediaTypeOf ({ headers }: FastifyRequest): string | undefined {
  return headers['content-type']?.split(';')[0]
}

export default fp(plugin, { fastify: '5.x', name: 'errors' })
