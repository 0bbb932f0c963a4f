import helmet from '@fastify/helmet'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

/**
 * Tells browsers to do nothing with what this service answers but read it. A page of ours allows itself more, in its own header. Transport
 * security is the affair of the proxy that has the certificate.
 */
const plugin: FastifyPluginAsync = async app => {
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], baseUri: ["'none'"], formAction: ["'none'"], frameAncestors: ["'none'"] }
    },
    crossOriginOpenerPolicy: true,
    // Does not stand in the way of pages that CORS_ORIGIN lets in: their requests say that they are of that kind.
    crossOriginResourcePolicy: true,
    noSniff: true,
    referrerPolicy: true,
    // Said by frameAncestors, or for browsers that nobody has any more.
    frameguard: false,
    crossOriginEmbedderPolicy: false,
    originAgentCluster: false,
    dnsPrefetchControl: false,
    ieNoOpen: false,
    permittedCrossDomainPolicies: false,
    xssFilter: false,
    hidePoweredBy: false,
    strictTransportSecurity: false
  })
}

export default fp(plugin, { fastify: '5.x', name: 'security-headers' })
