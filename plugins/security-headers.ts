import helmet, { type FastifyHelmetOptions } from '@fastify/helmet'
import Fastify, { type FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

const OPTIONS: FastifyHelmetOptions = {
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
}
/** What an answer has of its own. */
const OWN = ['content-type', 'content-length', 'date', 'connection']

/**
 * Tells browsers to do nothing with what this service answers but read it. A page of ours allows itself more, in its own header. Transport
 * security is the affair of the proxy that has the certificate.
 */
const plugin: FastifyPluginAsync = async app => {
  const headers = await readHeaders()
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers(headers)
    done()
  })
}

/** Helmet works them out anew for every answer, which takes a third of what a 429 costs; they never differ. */
async function readHeaders (): Promise<Record<string, string>> {
  const app = Fastify()
  await app.register(helmet, OPTIONS)
  app.get('/', async () => '')
  const { headers } = await app.inject('/')
  await app.close()
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => OWN.includes(name) ? [] : [[name, String(value)]])
  )
}

export default fp(plugin, { fastify: '5.x', name: 'security-headers' })
