import type { FastifyPluginAsync } from 'fastify'
import { NOT_READY } from '../errors/phrases.ts'
import { HealthSchema } from '../schemas/health.ts'

/** Probes for orchestrators: `live` is about this process, `ready` about the model. They need no key. */
const route: FastifyPluginAsync = async app => {
  app.get('/health/live', {
    config: { probe: true },
    schema: {
      operationId: 'live',
      summary: 'Is the process alive?',
      tags: ['service'],
      security: [],
      response: { 200: HealthSchema }
    }
  }, async () => ({ status: 'ok' }))

  app.get('/health/ready', {
    config: { probe: true },
    schema: {
      operationId: 'ready',
      summary: 'Can the service answer?',
      tags: ['service'],
      security: [],
      response: { 200: HealthSchema, 503: HealthSchema }
    }
  }, async (_request, reply) => {
    const { state, reason } = app.model.info()
    if (app.slots.closed) return await reply.code(503).send({ status: 'closing', reason: NOT_READY.shuttingDown.en })
    if (state !== 'ready') return await reply.code(503).send({ status: state, reason: reason.en })
    return { status: 'ready' }
  })
}

export default route
