import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import {
  ClientLeftError, EngineNotReadyError, QueueTimeoutError, ShuttingDownError, type SightlineError
} from '../errors/catalogue.ts'
import type { Engine } from '../services/engine/engine.ts'
import type { Slot, Slots } from '../services/slots.ts'
import { onConnectionEnd } from './connection-end.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route works with the model: a request gets a slot before its body is read, or is refused. */
    slot?: boolean
  }
  interface FastifyRequest { slot: Slot | null }
  interface FastifyInstance { slots: Slots }
}

export interface ConcurrencyLimitOptions {
  slots: Slots
  /** Nothing is admitted while it is not ready. */
  engine: Pick<Engine, 'info'>
}

/**
 * Admission: takes a slot for every request of a route with `config: { slot: true }`. The cleanup plugin gives it back. A
 * request that the model could not answer anyway is refused before its body is read.
 */
const plugin: FastifyPluginAsync<ConcurrencyLimitOptions> = async (app, { slots, engine }) => {
  app.decorate('slots', slots)
  app.decorateRequest('slot', null)

  // The common cases, admitted or refused at once, take no promise.
  app.addHook('onRequest', (request, reply, done) => {
    if (!request.routeOptions.config.slot) return done()
    const unready = whyNotNow()
    if (unready) return done(unready)
    request.slot = slots.tryTake()
    if (request.slot) return done()
    if (slots.full) return done(busy(slots.refuse(), reply))
    queue(request, reply).then(() => done(), done)
  })

  function whyNotNow (): SightlineError | null {
    if (slots.closed) return new ShuttingDownError()
    const { state, reason } = engine.info()
    if (state === 'closed') return new ShuttingDownError()
    return state === 'ready' ? null : new EngineNotReadyError(reason)
  }

  async function queue (request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const left = new AbortController()
    const withdraw = onConnectionEnd(request, reply, () => left.abort(new ClientLeftError()))
    try {
      const slot = await slots.wait(left.signal)
      // The model may have died while the request was waiting.
      const unready = whyNotNow()
      if (unready) {
        slot.release()
        throw unready
      }
      request.slot = slot
    } catch (error) {
      throw error instanceof QueueTimeoutError ? busy(error, reply) : error
    } finally {
      withdraw()
    }
  }

  function busy (error: SightlineError, reply: FastifyReply): SightlineError {
    reply.header('retry-after', slots.retryAfterSeconds())
    return error
  }

  app.addHook('preClose', async () => slots.close())
}

export default fp(plugin, { fastify: '5.x', name: 'concurrency-limit' })
