import type { FastifyError, FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import {
  BodyTooLargeError, InternalError, InvalidJsonError, InvalidMultipartError, NotFoundError, UnsupportedMediaTypeError, ValidationError,
  type SightlineError
} from '../errors.ts'

/** Gives every error one shape: `{ error, code, request_id, …details }`. What is not ours and not the client's fault is told as `INTERNAL`. */
const plugin: FastifyPluginAsync = async app => {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const known = toSightlineError(error, request)
    if (known.statusCode >= 500) request.log.error({ err: error }, 'request failed')
    else request.log.info({ code: known.code }, 'request refused')
    return reply.code(known.statusCode).send(toErrorBody(known, request.id))
  })

  app.setNotFoundHandler((request, reply) => {
    const error = new NotFoundError(`${request.method} ${request.url.split('?')[0]}`)
    return reply.code(404).send(toErrorBody(error as SightlineError, request.id))
  })
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
  if (code === 'FST_ERR_CTP_INVALID_JSON_BODY' || error instanceof SyntaxError) return new InvalidJsonError(error.message) as SightlineError
  if (code.startsWith('FST_') && /MULTIPART|_PARTS_|_FILES_|_FIELDS_|PROTO_VIOLATION|PREMATURE/.test(code)) return new InvalidMultipartError(error.message) as SightlineError
  if (typeof error.statusCode === 'number' && error.statusCode >= 400 && error.statusCode < 500) return Object.assign(new ValidationError(error.message), { statusCode: error.statusCode }) as SightlineError
  return new InternalError() as SightlineError
}

export default fp(plugin, { fastify: '5.x', name: 'errors' })
