import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { ANSWERED, CLIENT_LEFT, type Metrics } from '../services/metrics.ts'
import { onConnectionEnd } from './connection-end.ts'

declare module 'fastify' {
  interface FastifyInstance { metrics: Metrics }
  interface FastifyRequest {
    /**
     * How a request for the model ends, as far as is known: `ANSWERED` or the code of an error. It is counted once, when
     * the response has closed.
     */
    ending: string | null
  }
}

export interface MetricsPluginOptions { metrics: Metrics }

/** `GET /metrics`, and a count of every request for the model, admitted or not. Registered before all that may refuse. */
const plugin: FastifyPluginAsync<MetricsPluginOptions> = async (app, { metrics }) => {
  app.decorate('metrics', metrics)
  app.decorateRequest('ending', null)

  app.addHook('onRequest', (request, reply, done) => {
    if (request.routeOptions.config.slot) onConnectionEnd(request, reply, () => count(request, reply))
    done()
  })

  /** What comes to light after the connection has closed is a consequence of that. */
  function count ({ routeOptions: { url }, ending }: FastifyRequest, { raw }: FastifyReply): void {
    const undelivered = ending === null || ending === ANSWERED ? CLIENT_LEFT : ending
    metrics.ended(url!, raw.writableFinished ? ending ?? ANSWERED : undelivered)
  }

  app.get('/metrics', { config: { probe: true }, schema: { hide: true } }, async (_request, reply) => {
    reply.type(metrics.contentType)
    return await metrics.text()
  })
}

export default fp(plugin, { fastify: '5.x', name: 'metrics' })
