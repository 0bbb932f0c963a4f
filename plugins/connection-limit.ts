import type { Socket } from 'node:net'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

export interface ConnectionLimitOptions {
  /** Maximum number of open connections. Further ones are closed without an answer. */
  maxConnections: number
}

/** Shortest interval between two closings of idle connections, and between their log lines. */
const RELIEF_INTERVAL_MS = 1_000
/**
 * Requests that one connection may pipeline. Hardly any client pipelines, but one packet can contain a thousand
 * requests, and each answer waits in memory.
 */
export const MAX_REQUESTS_AT_ONCE = 16

/**
 * Bounds the number of open connections and the number of unanswered requests on each. If too many are open, idle ones
 * are closed to make room.
 */
const plugin: FastifyPluginAsync<ConnectionLimitOptions> = async (app, { maxConnections }) => {
  const unanswered = new WeakMap<Socket, number>()
  let relievedAt = -Infinity

  app.server.maxConnections = maxConnections
  app.server.on('drop', () => {
    if (performance.now() - relievedAt < RELIEF_INTERVAL_MS) return
    relievedAt = performance.now()
    app.server.closeIdleConnections()
    app.log.warn({ connections: maxConnections }, 'too many connections, new ones dropped')
  })

  app.addHook('onRequest', (request, reply, done) => {
    const { socket } = request.raw
    const count = (unanswered.get(socket) ?? 0) + 1
    unanswered.set(socket, count)
    reply.raw.once('close', () => unanswered.set(socket, unanswered.get(socket)! - 1))
    if (count <= MAX_REQUESTS_AT_ONCE) return done()
    // The other requests of the packet still arrive here.
    if (!socket.destroyed) {
      request.log.info({ requests: count }, 'too many pipelined requests, connection closed')
    }
    reply.hijack()
    socket.destroy()
  })
}

export default fp(plugin, { fastify: '5.x', name: 'connection-limit' })
