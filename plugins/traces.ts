import type { IncomingMessage } from 'node:http'
import proxyAddr from '@fastify/proxy-addr'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import type { RequestTrace, Traces } from '../services/tracing/traces.ts'
import { onConnectionEnd } from './connection-end.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** There for requests for the model, where traces are wanted. */
    trace?: RequestTrace | null
  }
}

export interface TracesPluginOptions {
  traces: Traces
  /** Addresses and CIDRs of those who may say which trace a request belongs to. */
  trustProxy: readonly string[]
}

/** A span for every request for the model, admitted or not, from its head until its slot is free. Registered first, so that refusals are seen too. */
const plugin: FastifyPluginAsync<TracesPluginOptions> = async (app, { traces, trustProxy }) => {
  const isTrusted = proxyAddr.compile([...trustProxy])
  const isFromProxy = ({ socket }: IncomingMessage) =>
    socket.remoteAddress !== undefined && isTrusted(socket.remoteAddress, 0)
  app.decorateRequest('trace', null)

  app.addHook('onRequest', (request, reply, done) => {
    const { config, url } = request.routeOptions
    if (!config.slot) return done()
    const trace = traces.begin({
      id: request.id, method: request.method, route: url!, ...isFromProxy(request.raw) && { headers: request.headers }
    })
    request.trace = trace
    request.log = reply.log = request.log.child({ trace_id: trace.id })

    const end = async () => {
      const closedAt = performance.now()
      // The cleanup plugin, which listens as well, aborts the work, which then reports its last stage.
      await Promise.resolve()
      const { work, upload } = request
      if (work) {
        await work.end()
        const { startedAt, slot: { waitedMs } } = work
        if (waitedMs > 0) trace.stage('queue', startedAt - waitedMs, startedAt)
        trace.stage('upload', startedAt, upload ? startedAt + upload.uploadMs : closedAt, !upload)
      }
      trace.end(reply.raw.headersSent ? reply.raw.statusCode : null)
    }
    onConnectionEnd(request, reply, () => { void end() })
    done()
  })

  app.addHook('onClose', async () => await traces.close())
}

export default fp(plugin, { fastify: '5.x', name: 'traces' })
