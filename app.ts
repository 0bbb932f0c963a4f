import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import type { Config } from './config/config.ts'
import auth from './plugins/auth.ts'
import cleanup from './plugins/cleanup.ts'
import { answerClientError, HEAD_MAX_BYTES } from './plugins/client-errors.ts'
import concurrencyLimit from './plugins/concurrency-limit.ts'
import connectionLimit from './plugins/connection-limit.ts'
import cors from './plugins/cors.ts'
import errors, { sendError } from './plugins/errors.ts'
import jsonBody from './plugins/json-body.ts'
import metricsPlugin from './plugins/metrics.ts'
import model from './plugins/model.ts'
import openapi from './plugins/openapi.ts'
import pressure from './plugins/pressure.ts'
import rateLimit from './plugins/rate-limit.ts'
import requestBody from './plugins/request-body.ts'
import { RequestLog } from './plugins/request-log.ts'
import securityHeaders from './plugins/security-headers.ts'
import stalledReaders from './plugins/stalled-readers.ts'
import tracesPlugin from './plugins/traces.ts'
import uploads from './plugins/uploads.ts'
import { ROOT } from './config/root.ts'
import chatStreamRoute from './routes/chat-stream.ts'
import chatRoute from './routes/chat.ts'
import healthRoute from './routes/health.ts'
import openaiRoute from './routes/openai.ts'
import statusRoute from './routes/status.ts'
import uiRoute from './routes/ui.ts'
import { createApiKeys } from './services/api-keys.ts'
import { createChatService } from './services/chat/answer.ts'
import { createGrammars } from './services/chat/grammars.ts'
import type { ChatObserver } from './services/chat/observer.ts'
import type { Engine } from './services/engine/engine.ts'
import { maxPixelsOf } from './services/images/inspect.ts'
import { createPreparer } from './services/images/preparer.ts'
import { createMetrics, type Metrics } from './services/metrics.ts'
import { createSlots } from './services/slots.ts'
import type { Traces } from './services/tracing/traces.ts'
import { createUploadStore } from './services/upload-store.ts'
import { createImageFetcher } from './services/uploads/fetch-image.ts'

export interface AppOptions {
  config: Config
  engine: Engine
  logger: FastifyServerOptions['loggerInstance'] | boolean
  /** Closed with the app; null: none are wanted. */
  traces?: Traces | null
}

/** Receiving a whole request takes at most its time in the queue, that of its upload, and this. */
const REQUEST_SLACK_MS = 10_000
/** How often Node looks for requests whose time is up. */
const TIMEOUT_CHECK_MS = 5_000

/** Where `npm run build` leaves the page, whether the service runs from its sources or from dist/. */
const PAGE_DIR = path.join(ROOT, 'dist/web')

export const VERSION: string = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')).version

/**
 * Builds the service: plugins, then routes, in the order in which a request meets them. Listens to nothing yet. The engine is
 * closed with the app. Folders that dead processes left in `UPLOAD_DIR` are swept here.
 */
export async function buildApp ({ config, engine, logger, traces = null }: AppOptions): Promise<FastifyInstance> {
  const app = Fastify({
    ...typeof logger === 'boolean' ? { logger } : { loggerInstance: logger },
    trustProxy: config.trustProxy.length > 0 ? [...config.trustProxy] : false,
    // Ids are ours alone: they name folders and log lines.
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    logController: new RequestLog(),
    // While it drains the service answers in its own words.
    return503OnClosing: false,
    // The drain may take as long as SHUTDOWN_GRACE; close-with-grace bounds it.
    pluginTimeout: 0,
    requestTimeout: config.queueTimeoutMs + config.uploadTimeoutMs + REQUEST_SLACK_MS,
    http: {
      maxHeaderSize: HEAD_MAX_BYTES,
      headersTimeout: config.headersTimeoutMs,
      connectionsCheckingInterval: Math.min(TIMEOUT_CHECK_MS, config.headersTimeoutMs)
    },
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, request, reply) => sendError(error, request, reply),
    // By then every answer is out (the cleanup plugin waits for them); what is left are idle and refused connections.
    forceCloseConnections: true
  })
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    done()
  })

  const store =
    createUploadStore({ dir: config.uploadDir, foreignAgeMs: 2 * (config.requestTimeoutMs + config.uploadTimeoutMs) })
  const swept = await store.sweep()
  if (swept > 0) app.log.info({ folders: swept }, 'removed folders that dead processes left')

  const limits =
    { maxInputPixels: config.maxInputPixels, maxSide: config.imageCompressionMaxSize, maxPixels: config.maxPixels }
  const slots = createSlots({
    size: config.maxConcurrentRequests === 'auto' ? 1 : config.maxConcurrentRequests,
    queueSize: config.queueSize,
    queueTimeoutMs: config.queueTimeoutMs
  })
  // The model tells how many requests fit the memory. The caller of `ready` handles a failure.
  if (config.maxConcurrentRequests === 'auto') engine.ready().then(() => slots.grow(engine.info().slots), () => {})
  const metrics = createMetrics({ engine, slots, store })
  const grammars = createGrammars()
  app.addHook('onClose', () => grammars.close())
  const chat = createChatService({
    engine,
    preparer: createPreparer(),
    grammars,
    limits,
    boxCoordinates: config.boxCoordinates,
    observer: traces ? observeBoth(metrics, traces) : metrics
  })

  if (traces) await app.register(tracesPlugin, { traces, trustProxy: config.trustProxy })
  await app.register(connectionLimit, { maxConnections: config.maxConnections })
  await app.register(stalledReaders, { stallTimeoutMs: config.stallTimeoutMs })
  await app.register(securityHeaders)
  await app.register(cors, { origins: config.corsOrigins })
  await app.register(errors)
  await app.register(metricsPlugin, { metrics })
  await app.register(requestBody)
  await app.register(jsonBody)
  await app.register(auth, { keys: createApiKeys(config.apiKeys) })
  // With an upstream engine the prepared images are cached in this process.
  await app.register(pressure, { cacheBytes: config.engine === 'openai' ? config.imageCacheMb * 1024 * 1024 : 0 })
  await app.register(rateLimit, { perKey: config.rateLimitKey, perAddress: config.rateLimitAddress })
  await app.register(concurrencyLimit, { slots, engine })
  await app.register(cleanup, { requestTimeoutMs: config.requestTimeoutMs, shutdownGraceMs: config.shutdownGraceMs })
  await app.register(uploads, {
    store,
    onSaved: chat.anticipate,
    fetcher: createImageFetcher({ hosts: config.imageUrlHosts, maxFileSizeMb: config.maxFileSizeMb }),
    maxImages: config.maxImages,
    maxFileSizeMb: config.maxFileSizeMb,
    uploadTimeoutMs: config.uploadTimeoutMs
  })
  await app.register(model, { engine })
  await app.register(openapi, { version: VERSION })

  const bodyLimit = Math.floor(config.jsonBodyLimitMb * 1024 * 1024)
  await app.register(chatRoute, { chat, bodyLimit })
  await app.register(chatStreamRoute, { chat, bodyLimit })
  await app.register(openaiRoute, { chat, bodyLimit })
  await app.register(statusRoute, {
    store,
    limits: {
      max_images: config.maxImages,
      max_file_size_mb: config.maxFileSizeMb,
      max_input_pixels: config.maxInputPixels,
      max_avif_pixels: maxPixelsOf('avif', config.maxInputPixels),
      max_side: config.imageCompressionMaxSize,
      max_pixels: config.maxPixels
    }
  })
  await app.register(healthRoute)
  await app.register(uiRoute, { dir: PAGE_DIR })
  return app
}

function observeBoth (metrics: Metrics, traces: Traces): ChatObserver {
  return {
    onGap: metrics.onGap,
    onAnswer (done) {
      metrics.onAnswer(done)
      traces.onAnswer(done)
    },
    onStage: traces.onStage
  }
}
