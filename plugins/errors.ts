import type { FastifyError, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import {
  BodyTooLargeError, InternalError, InvalidJsonError, InvalidMultipartError, NotFoundError, SightlineError,
  UnsupportedMediaTypeError, ValidationError, withDetails
} from '../errors/catalogue.ts'
import { preferredLanguage, verbatim } from '../errors/language.ts'
import { BODY_FAULTS } from '../errors/phrases.ts'
import { FORM_MAX_PARTS } from '../schemas/limits.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Another shape of this route's errors than `toErrorBody`. */
    toErrorBody?: (error: SightlineError, request: FastifyRequest) => object
  }
}

const TOO_MANY_PARTS = { en: `it has more than ${FORM_MAX_PARTS} parts`, zh: `超过 ${FORM_MAX_PARTS} 个部分` }
/** When to come back to a service that is starting, stopping or overloaded. */
const UNAVAILABLE_RETRY_S = 5

/** Gives every error one shape: `{ error, code, request_id, …details }`. What is not ours and not the client's fault is told as `INTERNAL`. */
const plugin: FastifyPluginAsync = async app => {
  app.setErrorHandler(sendError)
  app.setNotFoundHandler((request, reply) =>
    sendError(new NotFoundError(verbatim(`${request.method} ${request.url.split('?')[0]}`)), request, reply))
}

/** Answers with an error; also used for those that Fastify meets before there is a route. */
export function sendError (
  error: FastifyError | SightlineError, request: FastifyRequest, reply: FastifyReply
): FastifyReply {
  const known = toSightlineError(error, request)
  noteFailure(error, known, request)
  if ((known.statusCode === 429 || known.statusCode === 503) && !reply.hasHeader('retry-after')) {
    reply.header('retry-after', known.retryAfterSeconds ?? UNAVAILABLE_RETRY_S)
  }
  const toBody = request.routeOptions?.config?.toErrorBody ?? toErrorBody
  // Before there is a route no hook has set it.
  return reply.code(known.statusCode).header('x-request-id', request.id).send(toBody(known, request))
}

/** Notes how a request failed, for its metrics, its trace and the log. A fault of ours is logged with its stack; a refusal, or a service that is not ready, is a matter of course. */
export function noteFailure (error: Error, known: SightlineError, request: FastifyRequest): void {
  const { log, trace } = request
  request.ending = known.code
  trace?.fail(known.code, known.statusCode)
  if (known.statusCode === 500 || known.statusCode === 507) log.error({ err: error }, 'request failed')
  else if (known.statusCode > 500) log.warn({ code: known.code }, 'request not served')
  else log.info({ code: known.code }, 'request refused')
}

/** The body of an error response, and the data of an `error` event, in the reader's language. */
export function toErrorBody (
  error: SightlineError, request: FastifyRequest
): { error: string, code: string, request_id: string } {
  return { error: sentenceFor(error, request), code: error.code, request_id: request.id, ...error.details }
}

export function sentenceFor (error: SightlineError, request: FastifyRequest): string {
  return error.sentence(preferredLanguage(request.headers['accept-language']))
}

/** Fastify's own errors get codes of ours; anything unforeseen becomes `INTERNAL` and is told only to the log. */
export function toSightlineError (error: FastifyError | SightlineError, request: FastifyRequest): SightlineError {
  if (error instanceof SightlineError) return error
  const { code = '', statusCode } = error
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new BodyTooLargeError(request.routeOptions.bodyLimit / 1024 / 1024)
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new UnsupportedMediaTypeError(request.headers['content-type'] ?? '(none)')
  }
  if (code === 'FST_ERR_CTP_EMPTY_JSON_BODY') return new InvalidJsonError(BODY_FAULTS.empty)
  if (code === 'FST_ERR_CTP_INVALID_JSON_BODY') {
    return new InvalidJsonError(BODY_FAULTS.cannotBeParsed)
  }
  if (code === 'FST_PARTS_LIMIT') {
    return withDetails(new InvalidMultipartError(TOO_MANY_PARTS), { limit: FORM_MAX_PARTS })
  }
  if (code.startsWith('FST_') && /MULTIPART|_PARTS_|_FILES_|_FIELDS_|_JSON_FIELD_|PROTO_VIOLATION|PREMATURE/.test(
    code
  )) return new InvalidMultipartError(verbatim(error.message))
  if (error instanceof SyntaxError && statusCode === 400) return new InvalidJsonError(verbatim(error.message))
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return Object.assign(new ValidationError(error.message), { statusCode })
  }
  return new InternalError()
}

export default fp(plugin, { fastify: '5.x', name: 'errors' })
