import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { ClientLeftError, QueueTimeoutError, ServerBusyError, ShuttingDownError } from '../errors.ts'
import type { Slot, Slots } from '../services/slots.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route works with the model: a request gets a slot before its body is read, or 429. */
    slot?: boolean
  }
  interface FastifyRequest { slot: Slot | null }
  interface FastifyInstance { slots: Slots }
}

export interface ConcurrencyLimitOptions { slots: Slots }

/** Admission: takes a slot for every request of a route with `config: { slot: true }`. The cleanup plugin gives it back. */
const plugin: FastifyPluginAsync<ConcurrencyLimitOptions> = async (app, { slots }) => {
  app.decorate('slots', slots)
  app.decorateRequest('slot', null)

  app.addHook('onRequest', async (request, reply) => {
    if (!request.routeOptions.config.slot) return
    if (slots.closed) throw new ShuttingDownError()
    request.slot = slots.tryTake()
    if (request.slot) return

    const left = new AbortController()
    const onClose = () => left.abort(new ClientLeftError())
    reply.raw.once('close', onClose)
    try {
      request.slot = await slots.wait(left.signal)
    } catch (error) {
      if (error instanceof ServerBusyError || error instanceof QueueTimeoutError) reply.header('retry-after', slots.retryAfterSeconds())
      throw error
    } finally {
      reply.raw.off('close', onClose)
    }
  })

  app.addHook('preClose', async () => slots.close())
}

export default fp(plugin, { fastify: '5.x', name: 'concurrency-limit' })
