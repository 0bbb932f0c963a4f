import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import {
  ClientLeftError, EngineNotReadyError, QueueTimeoutError, ShuttingDownError, type SightlineError
} from '../errors/catalogue.ts'
import type { Engine } from '../services/engine/engine.ts'
import type { Slot, Slots } from '../services/slots.ts'
import { onConnectionEnd } from './connection-end.ts'

export interface ConcurrencyLimitOptions {
  slots: Slots
  /** No request is admitted while the engine is not ready. */
  engine: Pick<Engine, 'info'>
}

/** Returns the slot of an admitted request. */
export const slotOf = (request: FastifyRequest): Slot => request.getDecorator<Slot>('slot')

/**
 * Admission: decorates every request of its context with a slot before the body is read, or refuses it. The cleanup
 * plugin releases the slot.
 */
const plugin: FastifyPluginAsync<ConcurrencyLimitOptions> = async (app, { slots, engine }) => {
  app.decorateRequest('slot', null)

  // Most requests are admitted or refused at once, without a promise.
  app.addHook('onRequest', (request, reply, done) => {
    const unready = unreadiness()
    if (unready) return done(unready)
    const slot = slots.tryTake()
    if (slot) {
      request.setDecorator('slot', slot)
      done()
    } else if (slots.full) {
      done(busy(slots.refuse(), reply))
    } else {
      queue(request, reply).then(() => done(), done)
    }
  })

  function unreadiness (): SightlineError | null {
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
      // The model may have crashed while the request was waiting.
      const unready = unreadiness()
      if (unready) {
        slot.release()
        throw unready
      }
      request.setDecorator('slot', slot)
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
