import type { FastifyPluginAsync } from 'fastify'

/** `GET /metrics`: metrics in the text format of Prometheus. */
const route: FastifyPluginAsync = async app => {
  app.get('/metrics', { config: { probe: true }, schema: { hide: true } }, async (_request, reply) => {
    reply.type(app.metrics.contentType)
    return await app.metrics.text()
  })
}

export default route
