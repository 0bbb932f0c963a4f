import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { ClientLeftError, QueueTimeoutError, ShuttingDownError, type SightlineError } from '../errors.ts'
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

  // No promise on the way of those who are admitted or refused at once.
  app.addHook('onRequest', (request, reply, done) => {
    if (!request.routeOptions.config.slot) return done()
    if (slots.closed) return done(new ShuttingDownError())
    request.slot = slots.tryTake()
    if (request.slot) return done()
    if (slots.full) return done(busy(slots.refuse(), reply))
    queue(request, reply).then(() => done(), done)
  })

  async function queue (request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const left = new AbortController()
    const onClose = () => left.abort(new ClientLeftError())
    reply.raw.once('close', onClose)
    try {
      request.slot = await slots.wait(left.signal)
    } catch (error) {
      throw error instanceof QueueTimeoutError ? busy(error, reply) : error
    } finally {
      reply.raw.off('close', onClose)
    }
  }

  function busy (error: SightlineError, reply: FastifyReply): SightlineError {
    reply.header('retry-after', slots.retryAfterSeconds())
    return error
  }

  app.addHook('preClose', async () => slots.close())
}

export default fp(plugin, { fastify: '5.x', name: 'concurrency-limit' })
