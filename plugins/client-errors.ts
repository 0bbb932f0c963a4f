import { randomUUID } from 'node:crypto'
import { STATUS_CODES, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { ConnectionError, FastifyInstance } from 'fastify'
import {
  HeadersTooLargeError, MalformedRequestError, RequestIncompleteError, type SightlineError
} from '../errors/catalogue.ts'
import { isAnswered } from './request-body.ts'

/** Of request line and headers together. */
export const HEAD_MAX_BYTES = 16 * 1024
/** How long the rest of what a client sends is thrown away, so that it gets to read why; then the connection ends. */
const LINGER_MS = 1_000

/**
 * Answers what Node can make no request of, in the shape of all errors, and ends the connection. Made for Fastify's
 * `clientErrorHandler`: no route is known then, and no language.
 */
export function answerClientError (this: FastifyInstance, { code }: ConnectionError, socket: Socket): void {
  // What follows the first fault on a connection is faulty too.
  if (code === 'ECONNRESET' || socket.destroyed || socket.writableEnded) return
  const error = toError(code)
  const id = randomUUID()
  // Browsers open connections in advance, and need not use them.
  this.log[socket.bytesRead === 0 ? 'debug' : 'info']({ reqId: id, code: error.code, cause: code }, 'request refused')
  // In the middle of an answer another one would be taken for a part of it, after it for that to the next request.
  if (!socket.writable || answering(socket) || isAnswered(socket)) {
    socket.destroy()
    return
  }
  socket.end(toResponse(error, id))
  // Closing at once would meet what is still on its way with a reset, which may overtake the answer.
  setTimeout(() => socket.destroy(), LINGER_MS).unref()
}

function toError (code: string): SightlineError {
  if (code === 'HPE_HEADER_OVERFLOW') return new HeadersTooLargeError(HEAD_MAX_BYTES / 1024)
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new RequestIncompleteError()
  return new MalformedRequestError()
}

/** Node looks at the same field of its own before it answers such faults itself. */
function answering (socket: Socket): boolean {
  return (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage?.headersSent ?? false
}

function toResponse (error: SightlineError, id: string): string {
  const body = JSON.stringify({ error: error.sentence('en'), code: error.code, request_id: id })
  return [
    `HTTP/1.1 ${error.statusCode} ${STATUS_CODES[error.statusCode]}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${id}`,
    'connection: close',
    '',
    body
  ].join('\r\n')
}
