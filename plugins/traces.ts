import type { IncomingMessage } from 'node:http'
import proxyAddr from '@fastify/proxy-addr'
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { RequestTrace, Traces } from '../services/tracing/traces.ts'
import { workIfAdmitted } from './cleanup.ts'
import { onConnectionEnd } from './connection-end.ts'
import { uploadIfAdmitted } from './uploads.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Present for requests to the model if traces are exported. */
    trace?: RequestTrace | null
  }
}

export interface TracesPluginOptions {
  traces: Traces
  /** Addresses and CIDRs of proxies that may set the trace of a request. */
  trustProxy: readonly string[]
}

/**
 * Traces every request of its context, refused ones included: one span from the arrival of its head until its slot is
 * released. It is registered before the plugins that may refuse a request.
 */
const plugin: FastifyPluginAsync<TracesPluginOptions> = async (app, { traces, trustProxy }) => {
  const isTrusted = proxyAddr.compile([...trustProxy])
  const isFromProxy = ({ socket }: IncomingMessage) =>
    socket.remoteAddress !== undefined && isTrusted(socket.remoteAddress, 0)
  app.decorateRequest('trace', null)

  app.addHook('onRequest', (request, reply, done) => {
    const trace = traces.begin({
      id: request.id,
      method: request.method,
      route: request.routeOptions.url!,
      ...isFromProxy(request.raw) && { headers: request.headers }
    })
    request.trace = trace
    request.log = reply.log = request.log.child({ trace_id: trace.id })

    const end = async () => {
      const closedAt = performance.now()
      // Wait until the listener of the cleanup plugin has aborted the work, which then reports its last stage.
      await Promise.resolve()
      await endWork(request, trace, closedAt)
      trace.end(reply.raw.headersSent ? reply.raw.statusCode : null)
    }
    onConnectionEnd(request, reply, () => { void end() })
    done()
  })

  app.addHook('onClose', async () => await traces.close())
}

/** Ends the work of a request and reports the stages before the chat service's own. */
async function endWork (request: FastifyRequest, trace: RequestTrace, closedAt: number): Promise<void> {
  const work = workIfAdmitted(request)
  if (!work) return
  await work.end()
  const { startedAt, slot: { waitedMs } } = work
  if (waitedMs > 0) trace.stage('queue', startedAt - waitedMs, startedAt)
  const uploadMs = uploadIfAdmitted(request)?.uploadMs ?? null
  trace.stage('upload', startedAt, uploadMs === null ? closedAt : startedAt + uploadMs, uploadMs === null)
}

export default fp(plugin, { fastify: '5.x', name: 'traces' })
