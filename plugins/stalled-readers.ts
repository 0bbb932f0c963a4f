import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

export interface StalledReadersOptions {
  /** How long a client may take nothing of an answer that waits for it. */
  stallTimeoutMs: number
}

/**
 * Cuts the connection of a client that does not read its answer: its request ends like that of one that left, and its slot and files
 * are free. Who reads slowly is let be, as long as anything moves; `REQUEST_TIMEOUT` is for those.
 */
const plugin: FastifyPluginAsync<StalledReadersOptions> = async (app, { stallTimeoutMs }) => {
  app.addHook('onRequest', (request, reply, done) => {
    const { raw } = reply
    // Node's timeout of the socket, which knows of bytes that move inside a long write. It comes as well while there is nothing to read yet.
    raw.setTimeout(stallTimeoutMs, () => {
      const { socket } = raw
      if (socket === null || socket.writableLength === 0) return
      request.log.info(
        { seconds: stallTimeoutMs / 1000, bytes: socket.writableLength },
        'the client takes nothing of its answer, connection cut'
      )
      socket.destroy()
    })
    done()
  })
}

export default fp(plugin, { fastify: '5.x', name: 'stalled-readers' })
