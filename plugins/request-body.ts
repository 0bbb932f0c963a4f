import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

/** How much of a refused body is read and thrown away, so that the sender gets to read the answer; then the connection ends. */
export const DISCARD_MAX_BYTES = 64 * 1024 * 1024
const DISCARD_MAX_MS = 10_000
const DISCARD_CHECK_MS = 250
const DISCARD_POLL_MS = 10

/** Connections on which the rest of a refused body arrives. */
const discarding = new Set<Socket>()

/** The request that is still coming in on this connection has its answer already: whatever is wrong with the rest of it wants none. */
export function isAnswered (socket: Socket): boolean {
  return discarding.has(socket)
}

/** Waits until no refused body arrives any more, at most so long: closing now would cost their senders the answer. */
export async function bodiesDiscarded (atMostMs: number): Promise<void> {
  const deadline = Date.now() + atMostMs
  while (discarding.size > 0 && Date.now() < deadline) await sleep(DISCARD_POLL_MS)
}

/**
 * Bodies are read only when a request is admitted: `100 Continue` waits until then, and what is left of a body that nobody
 * wants is discarded within bounds. Closing at once instead would show a fast sender a broken pipe, not its 429.
 */
const plugin: FastifyPluginAsync = async app => {
  // Without a listener Node would answer `100 Continue` before any hook runs.
  app.server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) =>
    app.server.emit('request', request, response))

  app.addHook('preParsing', async (request, reply) => {
    if (expectsContinue(request.raw)) reply.raw.writeContinue()
  })

  /** Their senders want the connection closed when they have their answer. */
  const last = new WeakSet<IncomingMessage>()

  app.addHook('onError', ({ raw }, reply, _error, done) => {
    if (raw.complete) {
      // Fastify would close where it cannot parse a body.
      reply.removeHeader('connection')
    } else if (expectsContinue(raw)) {
      // The sender may keep its body for good, and the connection could not tell the next request from it.
      reply.header('connection', 'close')
    } else {
      // Node closes at once where an answer is said to be the last one: not yet.
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
    // Not by a listener: many requests may share one connection, and each of them would add its own.
    if (socket.destroyed) discarding.delete(socket)
    if (request.complete || socket.destroyed) clearInterval(timer)
  }, DISCARD_CHECK_MS)
  timer.unref()
  request.unpipe()
  request.resume()
}

export default fp(plugin, { fastify: '5.x', name: 'request-body' })
