import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { ANSWERED, CLIENT_LEFT, type Metrics } from '../services/metrics.ts'
import { onConnectionEnd } from './connection-end.ts'

export interface MetricsPluginOptions { metrics: Metrics }

/**
 * Counts the endings of the requests of its context, refused ones included. It is registered before the plugins that
 * may refuse a request.
 */
const plugin: FastifyPluginAsync<MetricsPluginOptions> = async (app, { metrics }) => {
  app.addHook('onRequest', (request, reply, done) => {
    onConnectionEnd(request, reply, () => count(request, reply))
    done()
  })

  /** Counts an answer that was not delivered as `CLIENT_LEFT`, unless an error was recorded before. */
  function count ({ routeOptions: { url }, ending }: FastifyRequest, { raw }: FastifyReply): void {
    const undelivered = ending === null || ending === ANSWERED ? CLIENT_LEFT : ending
    metrics.ended(url!, raw.writableFinished ? ending ?? ANSWERED : undelivered)
  }
}

export default fp(plugin, { fastify: '5.x', name: 'metrics', dependencies: ['errors'] })
