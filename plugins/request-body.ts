import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

/** How much of a refused body is read and thrown away, so that the sender gets to read the answer; then the connection ends. */
const DISCARD_MAX_BYTES = 64 * 1024 * 1024
const DISCARD_MAX_MS = 10_000
const DISCARD_CHECK_MS = 250

/**
 * Bodies are read only when a request is admitted: `100 Continue` waits until then, and what is left of a body that nobody
 * wants is discarded within bounds. Closing at once instead would show a fast sender a broken pipe, not its 429.
 */
const plugin: FastifyPluginAsync = async app => {
  // Without a listener Node would answer `100 Continue` before any hook runs.
  app.server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => app.server.emit('request', request, response))

  app.addHook('preParsing', async (request, reply) => {
    if (expectsContinue(request.raw)) reply.raw.writeContinue()
  })

  app.addHook('onError', (request, reply, _error, done) => {
    // The sender may keep its body for good, and the connection could not tell the next request from it.
    if (expectsContinue(request.raw) && !request.raw.complete) reply.header('connection', 'close')
    done()
  })

  app.addHook('onResponse', (request, _reply, done) => {
    if (!request.raw.complete) discardRest(request.raw)
    done()
  })
}

function expectsContinue (request: IncomingMessage): boolean {
  return request.headers.expect?.toLowerCase() === '100-continue'
}

function discardRest (request: IncomingMessage): void {
  const { socket } = request
  const limit = socket.bytesRead + DISCARD_MAX_BYTES
  const deadline = Date.now() + DISCARD_MAX_MS
  const timer = setInterval(() => {
    if (request.complete || socket.destroyed) return clearInterval(timer)
    if (socket.bytesRead > limit || Date.now() > deadline) socket.destroy()
  }, DISCARD_CHECK_MS)
  timer.unref()
  request.unpipe()
  request.resume()
}

export default fp(plugin, { fastify: '5.x', name: 'request-body' })
