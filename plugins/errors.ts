import type { FastifyBaseLogger, FastifyError, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import {
  BodyTooLargeError, InternalError, InvalidJsonError, InvalidMultipartError, NotFoundError, UnsupportedMediaTypeError, ValidationError,
  type SightlineError
} from '../errors.ts'

/** When to come back to a service that is starting, stopping or overloaded. */
const UNAVAILABLE_RETRY_S = 5

/** Gives every error one shape: `{ error, code, request_id, …details }`. What is not ours and not the client's fault is told as `INTERNAL`. */
const plugin: FastifyPluginAsync = async app => {
  app.setErrorHandler(sendError)

  app.setNotFoundHandler((request, reply) => {
    const error = new NotFoundError(`${request.method} ${request.url.split('?')[0]}`)
    return reply.code(404).send(toErrorBody(error as SightlineError, request.id))
  })
}

/** Answers with an error; also used for those that Fastify meets before there is a route. */
export function sendError (error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = toSightlineError(error, request)
  logError(error, known, request.log)
  if (known.statusCode === 503 && !reply.hasHeader('retry-after')) reply.header('retry-after', UNAVAILABLE_RETRY_S)
  // Before there is a route no hook has set it.
  return reply.code(known.statusCode).header('x-request-id', request.id).send(toErrorBody(known, request.id))
}

/** A fault of ours is logged with its stack; a refusal, or a service that is not ready, is a matter of course. */
export function logError (error: Error, known: SightlineError, log: FastifyBaseLogger): void {
  if (known.statusCode === 500 || known.statusCode === 507) log.error({ err: error }, 'request failed')
  else if (known.statusCode > 500) log.warn({ code: known.code }, 'request not served')
  else log.info({ code: known.code }, 'request refused')
}

/** The body of an error response, and the data of an `error` event. */
export function toErrorBody ({ message, code, details }: SightlineError, requestId: string): { error: string, code: string, request_id: string } {
  return { error: message, code, request_id: requestId, ...details }
}

/** Fastify's own errors get codes of ours; anything unforeseen becomes `INTERNAL` and is told only to the log. */
export function toSightlineError (error: FastifyError, request: FastifyRequest): SightlineError {
  const code = error.code ?? ''
  if (!code.startsWith('FST_') && typeof error.statusCode === 'number' && /^[A-Z][A-Z_]+$/.test(code)) return error as SightlineError
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new BodyTooLargeError(request.routeOptions.bodyLimit / 1024 / 1024) as SightlineError
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return new UnsupportedMediaTypeError(request.headers['content-type'] ?? '(none)') as SightlineError
  if (code === 'FST_ERR_CTP_EMPTY_JSON_BODY') return new InvalidJsonError('it is empty') as SightlineError
  if (code === 'FST_ERR_CTP_INVALID_JSON_BODY') return new InvalidJsonError('it cannot be parsed, or has a key __proto__ or constructor') as SightlineError
  if (error instanceof SyntaxError) return new InvalidJsonError(error.message) as SightlineError
  if (code.startsWith('FST_') && /MULTIPART|_PARTS_|_FILES_|_FIELDS_|_JSON_FIELD_|PROTO_VIOLATION|PREMATURE/.test(code)) return new InvalidMultipartError(error.message) as SightlineError
  if (typeof error.statusCode === 'number' && error.statusCode >= 400 && error.statusCode < 500) return Object.assign(new ValidationError(error.message), { statusCode: error.statusCode }) as SightlineError
  return new InternalError() as SightlineError
}

export default fp(plugin, { fastify: '5.x', name: 'errors' })
