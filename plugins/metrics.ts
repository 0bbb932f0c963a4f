import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import type { Metrics } from '../services/metrics.ts'

declare module 'fastify' {
  interface FastifyInstance { metrics: Metrics }
}

export interface MetricsPluginOptions { metrics: Metrics }

/** `GET /metrics`, and `app.metrics` for whoever knows how a request ends. */
const plugin: FastifyPluginAsync<MetricsPluginOptions> = async (app, { metrics }) => {
  app.decorate('metrics', metrics)
  app.get('/metrics', { schema: { hide: true } }, async (_request, reply) => {
    reply.type(metrics.contentType)
    return await metrics.text()
  })
}

export default fp(plugin, { fastify: '5.x', name: 'metrics' })
