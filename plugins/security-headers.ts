import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

/**
 * Browsers shall only read these answers. The page and the API documentation set a policy of their own. Transport
 * security is up to the proxy that has the certificate.
 */
const HEADERS = {
  'content-security-policy': "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  // Pages of CORS_ORIGIN may read all the same: this header only concerns requests without CORS.
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
