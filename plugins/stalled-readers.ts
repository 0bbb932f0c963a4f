import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

export interface StalledReadersOptions {
  /** Maximum time for which a client may stop reading its pending answer. */
  stallTimeoutMs: number
}

/**
 * Disconnects a client that does not read its answer. The request then ends as if the client had left, and its slot and
 * files are released. Slow readers are tolerated while bytes still move; `REQUEST_TIMEOUT` bounds them.
 */
const plugin: FastifyPluginAsync<StalledReadersOptions> = async (app, { stallTimeoutMs }) => {
  app.addHook('onRequest', (request, reply, done) => {
    const { raw } = reply
    // Bytes that move within a long write restart Node's socket timeout. It also fires while no bytes of an answer are
    // pending.
    raw.setTimeout(stallTimeoutMs, () => {
      const { socket } = raw
      if (socket === null || socket.writableLength === 0) return
      request.log.info(
        { seconds: stallTimeoutMs / 1000, bytes: socket.writableLength },
        'client reads nothing of its answer, connection closed'
      )
      socket.destroy()
    })
    done()
  })
}

export default fp(plugin, { fastify: '5.x', name: 'stalled-readers' })
