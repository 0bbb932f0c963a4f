import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { ClientLeftError, ShuttingDownError, TimeoutError } from '../errors/catalogue.ts'
import { createWork, type Work } from '../services/work.ts'
import { onConnectionEnd } from './connection-end.ts'
import { bodiesDiscarded } from './request-body.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** There for every request that has a slot, from admission on. */
    work: Work | null
  }
}

export interface CleanupOptions {
  requestTimeoutMs: number
  /** How long running requests may go on when the service stops. */
  shutdownGraceMs: number
}

const DRAIN_CHECK_MS = 20
/** How long aborted requests may take to say so. */
const LAST_WORDS_MS = 5_000
/** How long the connections of refused requests stay open for the rest of their bodies. */
const REFUSED_MS = 1_000

/**
 * Ends what a request began, however it ends: removes originals and `_compressed` files, then frees the slot. The routes do so
 * themselves before the last byte; these hooks are the safety net. A client that leaves after its body was received triggers
 * neither hook, only `close` of the response.
 */
const plugin: FastifyPluginAsync<CleanupOptions> = async (app, { requestTimeoutMs, shutdownGraceMs }) => {
  const active = new Set<Work>()
  app.decorateRequest('work', null)

  app.addHook('onRequest', (request, reply, done) => {
    if (!request.slot) return done()
    const work = createWork({
      slot: request.slot,
      log: request.log,
      timeoutMs: requestTimeoutMs,
      timeoutError: () => new TimeoutError(requestTimeoutMs / 1000)
    })
    request.work = work
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

  // Before any answer goes out: who was refused and asks again at once finds its slot free.
  app.addHook('onSend', (request, _reply, payload, done) => {
    if (request.work) request.work.end().then(() => done(null, payload), done)
    else done(null, payload)
  })
  app.addHook('onResponse', (request, _reply, done) => {
    if (request.work) request.work.end().then(() => done(), done)
    else done()
  })

  app.addHook('onRequestAbort', async request => {
    request.work?.abort(new ClientLeftError())
    await request.work?.end()
  })

  app.addHook('preClose', async () => {
    const deadline = Date.now() + shutdownGraceMs
    while (active.size > 0 && Date.now() < deadline) await sleep(DRAIN_CHECK_MS)
    for (const work of active) work.abort(new ShuttingDownError())
    // A reader that does not take its answer cannot hold the service up for good.
    while (active.size > 0 && Date.now() < deadline + LAST_WORDS_MS) await sleep(DRAIN_CHECK_MS)
    await bodiesDiscarded(REFUSED_MS)
  })
}

export default fp(plugin, { fastify: '5.x', name: 'cleanup', dependencies: ['concurrency-limit'] })
