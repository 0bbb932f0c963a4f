import cors from '@fastify/cors'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

export interface CorsOptions {
  /** Web origins whose pages may call the API, or `['*']`; empty: none, and no header says a word about it. */
  origins: readonly string[]
}

/** How long a browser may remember a preflight; uploads would otherwise wait for one each time. */
const PREFLIGHT_MAX_AGE_S = 600

/**
 * Lets pages of other origins call the API. Registered before whatever may refuse a request: preflights carry no key, and a page
 * may read the answer to its request, a refusal too, only with these headers. Cookies play no part here, so credentials mode is off.
 */
const plugin: FastifyPluginAsync<CorsOptions> = async (app, { origins }) => {
  if (origins.length === 0) return
  await app.register(cors, {
    origin: [...origins],
    methods: ['GET', 'POST'],
    allowedHeaders: ['Authorization', 'X-API-Key', 'Content-Type', 'Accept-Language'],
    exposedHeaders: ['X-Request-Id', 'Retry-After'],
    maxAge: PREFLIGHT_MAX_AGE_S,
    // Its refusal of an OPTIONS request that is no preflight would not have the shape of our errors.
    strictPreflight: false
  })
}

export default fp(plugin, { fastify: '5.x', name: 'cors' })
