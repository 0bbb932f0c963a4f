import cors from '@fastify/cors'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

export interface CorsOptions {
  /** Web origins whose pages may call the API, or `['*']`. Empty: none, and no CORS header is sent. */
  origins: readonly string[]
}

/** Time in seconds for which a browser may cache a preflight, so that not every upload waits for one. */
const PREFLIGHT_MAX_AGE_S = 600

/**
 * Lets pages of other origins call the API. It is registered before the plugins that may refuse a request, because
 * preflights have no key, and because a page can read an answer or a refusal only with these headers. The service uses
 * no cookies, so credentials mode is off.
 * A page may send any header: SDKs add their own.
 */
const plugin: FastifyPluginAsync<CorsOptions> = async (app, { origins }) => {
  if (origins.length === 0) return
  await app.register(cors, {
    origin: [...origins],
    methods: ['GET', 'POST'],
    exposedHeaders: ['X-Request-Id', 'Retry-After'],
    maxAge: PREFLIGHT_MAX_AGE_S,
    // Otherwise @fastify/cors would refuse OPTIONS requests that are not preflights, with an error of another shape.
    strictPreflight: false
  })
}

export default fp(plugin, { fastify: '5.x', name: 'cors' })
