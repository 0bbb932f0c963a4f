import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { ANSWERED, CLIENT_LEFT, type Metrics } from '../services/metrics.ts'
import { onConnectionEnd } from './connection-end.ts'

export interface MetricsPluginOptions { metrics: Metrics }

/** Counts how the requests of its context end, admitted or not. Registered before the plugins that may refuse one. */
const plugin: FastifyPluginAsync<MetricsPluginOptions> = async (app, { metrics }) => {
  app.addHook('onRequest', (request, reply, done) => {
    onConnectionEnd(request, reply, () => count(request, reply))
    done()
  })

  /** Errors after the connection has closed are consequences of that. */
  function count ({ routeOptions: { url }, ending }: FastifyRequest, { raw }: FastifyReply): void {
    const undelivered = ending === null || ending === ANSWERED ? CLIENT_LEFT : ending
    metrics.ended(url!, raw.writableFinished ? ending ?? ANSWERED : undelivered)
  }
}

export default fp(plugin, { fastify: '5.x', name: 'metrics', dependencies: ['errors'] })
