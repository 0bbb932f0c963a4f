import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { UnsupportedEncodingError } from '../errors/catalogue.ts'
import { NAME_MAX_SHOWN } from '../schemas/limits.ts'

/**
 * Bytes of a refused body that are read and discarded, so that the sender can read the answer. Then the connection is
 * closed.
 */
export const DISCARD_MAX_BYTES = 64 * 1024 * 1024
/** The `Content-Encoding` of a body that is not compressed. */
const IDENTITY = 'identity'
const DISCARD_MAX_MS = 10_000
const DISCARD_CHECK_MS = 250
const DISCARD_POLL_MS = 10

/** Connections on which the rest of a refused body is arriving. */
const discarding = new Set<Socket>()

/**
 * Returns whether the request that is still arriving on this connection was answered already. Faults in the rest of
 * such a request get no answer.
 */
export function isAnswered (socket: Socket): boolean {
  return discarding.has(socket)
}

/** Waits until no refused body is arriving, but at most `atMostMs`: closing earlier would lose the answers. */
export async function bodiesDiscarded (atMostMs: number): Promise<void> {
  const deadline = Date.now() + atMostMs
  while (discarding.size > 0 && Date.now() < deadline) await sleep(DISCARD_POLL_MS)
}

/**
 * Delays reading a body until its request is admitted: only then is `100 Continue` sent. Compressed bodies are refused.
 * The rest of a refused body is discarded within bounds. If the connection were closed at once, a fast sender would see
 * a broken pipe, not its 429.
 */
const plugin: FastifyPluginAsync = async app => {
  // Without a listener Node would answer `100 Continue` before any hook runs.
  app.server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) =>
    app.server.emit('request', request, response))

  app.addHook('preParsing', async (request, reply) => {
    const encoding = request.headers['content-encoding'] ?? IDENTITY
    if (encoding.toLowerCase() !== IDENTITY) throw new UnsupportedEncodingError(encoding.slice(0, NAME_MAX_SHOWN))
    if (expectsContinue(request.raw) && isReadable(request)) reply.raw.writeContinue()
  })

  /** Requests whose senders want the connection to be closed after the answer. */
  const last = new WeakSet<IncomingMessage>()

  app.addHook('onError', ({ raw }, reply, _error, done) => {
    if (raw.complete) {
      // Fastify asks to close the connection if it cannot parse a body.
      reply.removeHeader('connection')
    } else if (expectsContinue(raw)) {
      // The sender may skip the body, and then the next request on this connection would be read as the body.
      reply.header('connection', 'close')
    } else {
      // With `connection: close`, Node would close the connection before the rest of the body is discarded.
      if (!reply.raw.shouldKeepAlive) last.add(raw)
      reply.header('connection', 'keep-alive')
    }
    done()
  })

  app.addHook('onResponse', ({ raw }, _reply, done) => {
    if (last.has(raw)) onComplete(raw, () => raw.socket.end())
    if (!raw.complete) discardRest(raw)
    done()
  })
}

/** Whether a route reads bodies of this type. Fastify refuses the others later. */
function isReadable ({ is404, server, headers }: FastifyRequest): boolean {
  const [type = ''] = headers['content-type']?.split(';') ?? []
  return !is404 && server.hasContentTypeParser(type.trim().toLowerCase())
}

function expectsContinue (request: IncomingMessage): boolean {
  return request.headers.expect?.toLowerCase() === '100-continue'
}

function onComplete (request: IncomingMessage, then: () => void): void {
  if (request.complete) then()
  else request.once('end', then)
}

function discardRest (request: IncomingMessage): void {
  const { socket } = request
  discarding.add(socket)
  request.once('end', () => discarding.delete(socket))
  const limit = socket.bytesRead + DISCARD_MAX_BYTES
  const deadline = Date.now() + DISCARD_MAX_MS
  const timer = setInterval(() => {
    if (!request.complete && (socket.bytesRead > limit || Date.now() > deadline)) socket.destroy()
    // Polling avoids a listener per request: many requests may share one connection.
    if (socket.destroyed) discarding.delete(socket)
    if (request.complete || socket.destroyed) clearInterval(timer)
  }, DISCARD_CHECK_MS)
  timer.unref()
  request.unpipe()
  request.resume()
}

export default fp(plugin, { fastify: '5.x', name: 'request-body' })
