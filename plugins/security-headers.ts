import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

/**
 * The policy forbids browsers to load or run anything from an answer. The page and the API documentation replace it
 * with their own. The proxy with the TLS certificate adds the headers for transport security.
 */
const HEADERS = {
  'content-security-policy': "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  // This header affects only requests without CORS, so pages of CORS_ORIGIN can read answers nevertheless.
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff'
}

/** Sets the security headers of every response. */
const plugin: FastifyPluginAsync = async app => {
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers(HEADERS)
    done()
  })
}

export default fp(plugin, { fastify: '5.x', name: 'security-headers' })
