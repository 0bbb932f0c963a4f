import type { Socket } from 'node:net'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

export interface ConnectionLimitOptions {
  /** Open at the same time; what comes beyond is closed unheard. */
  maxConnections: number
}

/** How often room is made, and the log is told, while there are too many. */
const RELIEF_INTERVAL_MS = 1_000
/** Hardly any client sends a request before the last one is answered; one packet has room for a thousand, and each answer waits in memory. */
export const MAX_REQUESTS_AT_ONCE = 16

/**
 * Bounds what connections may cost: how many are open, and how many requests one of them asks at once. When too many are open those that wait for
 * nothing are closed, so that the next comer gets in.
 */
const plugin: FastifyPluginAsync<ConnectionLimitOptions> = async (app, { maxConnections }) => {
  const unanswered = new WeakMap<Socket, number>()
  let relievedAt = -Infinity

  app.server.maxConnections = maxConnections
  app.server.on('drop', () => {
    if (performance.now() - relievedAt < RELIEF_INTERVAL_MS) return
    relievedAt = performance.now()
    app.server.closeIdleConnections()
    app.log.warn({ connections: maxConnections }, 'too many connections, new ones are dropped')
  })

  app.addHook('onRequest', (request, reply, done) => {
    const { socket } = request.raw
    const count = (unanswered.get(socket) ?? 0) + 1
    unanswered.set(socket, count)
    reply.raw.once('close', () => unanswered.set(socket, unanswered.get(socket)! - 1))
    if (count <= MAX_REQUESTS_AT_ONCE) return done()
    // What else the packet holds still comes here.
    if (!socket.destroyed) {
      request.log.info({ requests: count }, 'too many requests at once on one connection, connection cut')
    }
    reply.hijack()
    socket.destroy()
  })
}

export default fp(plugin, { fastify: '5.x', name: 'connection-limit' })
