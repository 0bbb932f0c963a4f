import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { UnauthorizedError } from '../errors.ts'
import { keyOf, type ApiKeys } from '../services/api-keys.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route needs no key: probes, and the files of the page. */
    public?: boolean
  }
  interface FastifyRequest { client: Client }
}

/** Who asks. */
export interface Client {
  /** Keeps apart what belongs to different keys, such as the ids of pictures; empty where no key was asked for. */
  readonly scope: string
}

export interface AuthOptions { keys: ApiKeys }

const ANYBODY: Client = { scope: '' }

/**
 * Asks for a key before anything is spent on a request: no slot, no byte of its body. While there are keys, every path wants one,
 * those that do not exist too; only routes with `config: { public: true }` are open. See `keyOf` for how a key may come.
 */
const plugin: FastifyPluginAsync<AuthOptions> = async (app, { keys }) => {
  app.decorateRequest('client')

  app.addHook('onRequest', (request, reply, done) => {
    request.client = ANYBODY
    if (keys.open || request.routeOptions.config.public) return done()
    const key = keyOf(request.raw.headersDistinct)
    const scope = key === null ? null : keys.nameOf(key)
    if (scope === null) {
      reply.header('www-authenticate', 'Bearer')
      return done(new UnauthorizedError())
    }
    request.client = { scope }
    done()
  })
}

export default fp(plugin, { fastify: '5.x', name: 'auth' })
