import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import type { Config } from './config/config.ts'
import { ROOT } from './config/root.ts'
import auth, { createGuessLimit } from './plugins/auth.ts'
import cleanup from './plugins/cleanup.ts'
import { answerClientError, HEAD_MAX_BYTES } from './plugins/client-errors.ts'
import concurrencyLimit from './plugins/concurrency-limit.ts'
import connectionLimit from './plugins/connection-limit.ts'
import cors from './plugins/cors.ts'
import errors, { createErrorHandler } from './plugins/errors.ts'
import jsonBody from './plugins/json-body.ts'
import metricsPlugin from './plugins/metrics.ts'
import model from './plugins/model.ts'
import multipart from './plugins/multipart.ts'
import notFound from './plugins/not-found.ts'
import openapi from './plugins/openapi.ts'
import pressure from './plugins/pressure.ts'
import rateLimit from './plugins/rate-limit.ts'
import requestBody from './plugins/request-body.ts'
import { RequestLog } from './plugins/request-log.ts'
import securityHeaders from './plugins/security-headers.ts'
import stalledReaders from './plugins/stalled-readers.ts'
import tracesPlugin from './plugins/traces.ts'
import uploads from './plugins/uploads.ts'
import apiDocsRoute from './routes/api-docs.ts'
import chatStreamRoute from './routes/chat-stream.ts'
import chatRoute from './routes/chat.ts'
import completionsRoute from './routes/completions.ts'
import healthRoute from './routes/health.ts'
import metricsRoute from './routes/metrics.ts'
import modelsRoute from './routes/models.ts'
import statusRoute from './routes/status.ts'
import uiRoute from './routes/ui.ts'
import { createApiKeys } from './services/api-keys.ts'
import { createServices, type Services } from './services/create-services.ts'
import type { Engine } from './services/engine/engine.ts'
import { maxPixelsOf } from './services/images/inspect.ts'
import type { Traces } from './services/tracing/traces.ts'
import { createImageFetcher } from './services/uploads/fetch-image.ts'
import { CHAT_PLACES, COMPLETION_PLACES } from './services/uploads/image-places.ts'

export interface AppOptions {
  config: Config
  engine: Engine
  logger: FastifyServerOptions['loggerInstance'] | boolean
  /** Closed with the app; null if no traces are exported. */
  traces?: Traces | null
}

/** Added to the timeouts of queue and upload to bound the time in which a whole request must arrive. */
const REQUEST_SLACK_MS = 10_000
/** Interval at which Node checks for requests that exceeded their timeout. */
const TIMEOUT_CHECK_MS = 5_000
/** The built page. The path is the same whether the service runs from its sources or from dist/. */
const PAGE_DIR = path.join(ROOT, 'dist/web')

export const VERSION: string = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')).version

/**
 * Builds the service without listening. The engine is closed with the app. Folders that dead processes left in
 * `UPLOAD_DIR` are removed.
 *
 * The plugins of the root apply to every request. The routes form three groups: the page and the health probes use only
 * these plugins, routes about the service also require a key, and requests to the model also pass admission, cleanup
 * and uploads.
 */
export async function buildApp ({ config, engine, logger, traces = null }: AppOptions): Promise<FastifyInstance> {
  const app = createServer(config, logger)
  const services = createServices(config, engine, traces)
  app.addHook('onClose', () => services.grammars.close())
  const swept = await services.store.sweep()
  if (swept > 0) app.log.info({ folders: swept }, 'removed folders of dead processes')
  const access = { keys: createApiKeys(config.apiKeys), guesses: createGuessLimit() }

  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    done()
  })
  await app.register(connectionLimit, { maxConnections: config.maxConnections })
  await app.register(stalledReaders, { stallTimeoutMs: config.stallTimeoutMs })
  await app.register(securityHeaders)
  await app.register(cors, { origins: config.corsOrigins })
  await app.register(errors)
  await app.register(requestBody)
  await app.register(model, { engine, slots: services.slots, metrics: services.metrics })
  await app.register(openapi, { version: VERSION })

  await app.register(healthRoute)
  await app.register(uiRoute, { dir: PAGE_DIR })

  await app.register(async service => {
    await service.register(auth, access)
    await service.register(notFound)
    await service.register(apiDocsRoute)
    await service.register(metricsRoute)
    await service.register(modelsRoute)
    await service.register(statusRoute, { store: services.store, limits: limitsOf(config) })
  })

  await app.register(async questions => {
    if (traces) await questions.register(tracesPlugin, { traces, trustProxy: config.trustProxy })
    await questions.register(metricsPlugin, { metrics: services.metrics })
    await questions.register(auth, access)
    await registerModelRoutes(questions, config, engine, services)
    app.decorate('isOverloaded', () => questions.isUnderPressure())
  })
  return app
}

/** Registers the plugins and routes of requests to the model, in the order in which a request passes them. */
async function registerModelRoutes (
  app: FastifyInstance, config: Config, engine: Engine, { slots, store, chat }: Services
): Promise<void> {
  await app.register(pressure, { cacheBytes: cacheBytesOf(config) })
  await app.register(rateLimit, { perKey: config.rateLimitKey, perAddress: config.rateLimitAddress })
  await app.register(concurrencyLimit, { slots, engine })
  await app.register(cleanup, { requestTimeoutMs: config.requestTimeoutMs, shutdownGraceMs: config.shutdownGraceMs })
  await app.register(uploads, {
    store,
    fetcher: createImageFetcher({ hosts: config.imageUrlHosts, maxFileSizeMb: config.maxFileSizeMb }),
    maxImages: config.maxImages,
    maxFileSizeMb: config.maxFileSizeMb,
    uploadTimeoutMs: config.uploadTimeoutMs,
    onSaved: chat.anticipate
  })
  const options = { chat, bodyLimit: Math.floor(config.jsonBodyLimitMb * 1024 * 1024) }
  await app.register(async completions => {
    await completions.register(jsonBody, { place: COMPLETION_PLACES })
    await completions.register(completionsRoute, options)
  })
  await app.register(async chats => {
    await chats.register(jsonBody, { place: CHAT_PLACES })
    await chats.register(multipart)
    await chats.register(chatRoute, options)
    await chats.register(chatStreamRoute, options)
  })
}

function createServer (config: Config, logger: AppOptions['logger']): FastifyInstance {
  return Fastify({
    ...typeof logger === 'boolean' ? { logger } : { loggerInstance: logger },
    trustProxy: config.trustProxy.length > 0 ? [...config.trustProxy] : false,
    // Ids name folders and log lines, so clients do not choose them.
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    // Clients join base URLs and paths with one slash too many.
    routerOptions: { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true },
    logController: new RequestLog(),
    // While it drains, the service sends its own error responses.
    return503OnClosing: false,
    // Draining may take as long as SHUTDOWN_GRACE; close-with-grace bounds it.
    pluginTimeout: 0,
    requestTimeout: config.queueTimeoutMs + config.uploadTimeoutMs + REQUEST_SLACK_MS,
    http: {
      maxHeaderSize: HEAD_MAX_BYTES,
      headersTimeout: config.headersTimeoutMs,
      connectionsCheckingInterval: Math.min(TIMEOUT_CHECK_MS, config.headersTimeoutMs)
    },
    clientErrorHandler: answerClientError,
    frameworkErrors: createErrorHandler(),
    // The cleanup plugin has waited for all answers by then, so only idle and refused connections are closed.
    forceCloseConnections: true
  })
}

/** With an upstream engine the prepared images are cached in this process. */
export function cacheBytesOf ({ engine, imageCacheMb }: Pick<Config, 'engine' | 'imageCacheMb'>): number {
  return engine === 'openai' ? imageCacheMb * 1024 * 1024 : 0
}

/** Thought tokens of a request that does not ask for thoughts. */
function defaultThinkingTokens ({ thinking, maxThinkingTokens: most }: Config): number {
  return thinking === 'off' ? 0 : thinking === 'on' ? most : Math.min(thinking, most)
}

function limitsOf (config: Config) {
  return {
    max_images: config.maxImages,
    max_file_size_mb: config.maxFileSizeMb,
    max_input_pixels: config.maxInputPixels,
    max_avif_pixels: maxPixelsOf('avif', config.maxInputPixels),
    max_heic_pixels: maxPixelsOf('heic', config.maxInputPixels),
    max_side: config.imageCompressionMaxSize,
    max_pixels: config.maxPixels,
    max_thinking_tokens: config.maxThinkingTokens,
    default_thinking_tokens: defaultThinkingTokens(config)
  }
}
