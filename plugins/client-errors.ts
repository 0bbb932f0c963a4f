import { randomUUID } from 'node:crypto'
import { STATUS_CODES, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { ConnectionError, FastifyInstance } from 'fastify'
import {
  HeadersTooLargeError, MalformedRequestError, RequestIncompleteError, type SightlineError
} from '../errors/catalogue.ts'
import { isAnswered } from './request-body.ts'

/** Maximum bytes of the request line and the headers together. */
export const HEAD_MAX_BYTES = 16 * 1024
/** Time for which the rest of the input is discarded, so that the client can read the answer. */
const LINGER_MS = 1_000

/**
 * Answers input that Node cannot parse as HTTP, in the shape of all errors, and closes the connection. It is Fastify's
 * `clientErrorHandler`: neither a route nor a language is known.
 */
export function answerClientError (this: FastifyInstance, { code }: ConnectionError, socket: Socket): void {
  // Input after the first fault on a connection is faulty too.
  if (code === 'ECONNRESET' || socket.destroyed || socket.writableEnded) return
  const error = toError(code)
  const id = randomUUID()
  // Browsers open connections in advance and may not use them.
  this.log[socket.bytesRead === 0 ? 'debug' : 'info']({ reqId: id, code: error.code, cause: code }, 'request refused')
  // During or after another answer, the client would read this one as a part of it, or as the answer to its next
  // request.
  if (!socket.writable || answering(socket) || isAnswered(socket)) {
    socket.destroy()
    return
  }
  socket.end(toResponse(error, id))
  // Closing the socket at once would answer further input with a reset, and the reset may reach the client before the
  // answer does.
  setTimeout(() => socket.destroy(), LINGER_MS).unref()
}

function toError (code: string): SightlineError {
  if (code === 'HPE_HEADER_OVERFLOW') return new HeadersTooLargeError(HEAD_MAX_BYTES / 1024)
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new RequestIncompleteError()
  return new MalformedRequestError()
}

/** Node checks the same field before it answers such faults itself. */
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
