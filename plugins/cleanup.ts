import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { ClientLeftError, ShuttingDownError, TimeoutError } from '../errors/catalogue.ts'
import { createWork, type Work } from '../services/work.ts'
import { slotOf } from './concurrency-limit.ts'
import { onConnectionEnd } from './connection-end.ts'
import { bodiesDiscarded } from './request-body.ts'

export interface CleanupOptions {
  requestTimeoutMs: number
  /** Time for running requests to end when the service stops. */
  shutdownGraceMs: number
}

const DRAIN_CHECK_MS = 20
/** Time for aborted requests to send their last bytes. */
const LAST_BYTES_MS = 5_000
/** Time for the rest of the bodies of refused requests to arrive. */
const REFUSED_BODY_MS = 1_000

/** Returns the work of an admitted request. */
export const workOf = (request: FastifyRequest): Work => request.getDecorator<Work>('work')
/** Returns the work of a request, or null if the request was refused. */
export const workIfAdmitted = (request: FastifyRequest): Work | null => request.getDecorator<Work | null>('work')

/**
 * Ends the work of every request of its context, however the request ends: removes originals and `_compressed` files,
 * then releases the slot. Routes do this themselves before the last byte of an answer. The hooks here cover all other
 * endings. If a client leaves after its body was received, only `close` of the response fires.
 */
const plugin: FastifyPluginAsync<CleanupOptions> = async (app, { requestTimeoutMs, shutdownGraceMs }) => {
  const active = new Set<Work>()
  app.decorateRequest('work', null)

  app.addHook('onRequest', (request, reply, done) => {
    const work = createWork({
      slot: slotOf(request),
      log: request.log,
      timeoutMs: requestTimeoutMs,
      timeoutError: () => new TimeoutError(requestTimeoutMs / 1000)
    })
    request.setDecorator('work', work)
    active.add(work)
    const end = async () => {
      if (!reply.raw.writableFinished) work.abort(new ClientLeftError())
      await work.end()
      active.delete(work)
    }
    onConnectionEnd(request, reply, () => { void end() })
    // The client may have left while its request was waiting for a slot.
    if (reply.raw.destroyed || request.raw.destroyed) end().then(() => done(), done)
    else done()
  })

  // Frees the slot before any response is sent, so that a client that retries at once after an error finds it free.
  app.addHook('onSend', (request, _reply, payload, done) => {
    const work = workIfAdmitted(request)
    if (work) work.end().then(() => done(null, payload), done)
    else done(null, payload)
  })
  app.addHook('onResponse', (request, _reply, done) => {
    const work = workIfAdmitted(request)
    if (work) work.end().then(() => done(), done)
    else done()
  })

  app.addHook('onRequestAbort', async request => {
    const work = workIfAdmitted(request)
    work?.abort(new ClientLeftError())
    await work?.end()
  })

  app.addHook('preClose', async () => {
    const deadline = Date.now() + shutdownGraceMs
    while (active.size > 0 && Date.now() < deadline) await sleep(DRAIN_CHECK_MS)
    for (const work of active) work.abort(new ShuttingDownError())
    // A client that does not read its answer must not delay the shutdown forever.
    while (active.size > 0 && Date.now() < deadline + LAST_BYTES_MS) await sleep(DRAIN_CHECK_MS)
    await bodiesDiscarded(REFUSED_BODY_MS)
  })
}

export default fp(plugin, { fastify: '5.x', name: 'cleanup', dependencies: ['concurrency-limit'] })
