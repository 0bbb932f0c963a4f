import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { TooManyWrongKeysError, UnauthorizedError } from '../errors/catalogue.ts'
import { keyOf, type ApiKeys } from '../services/api-keys.ts'
import { createKeyGuesses } from '../services/key-guesses.ts'
import { addressOf } from './client-address.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route needs no key: probes, and the files of the page. */
    public?: boolean
  }
  interface FastifyRequest { client: Client }
}

/** Who asks. */
export interface Client {
  /** Keeps apart what belongs to different keys, such as the ids of images; empty where no key was asked for. */
  readonly scope: string
}

export interface AuthOptions {
  keys: ApiKeys
  /** Wrong keys of an address are counted in windows of this length. */
  guessWindowMs?: number
}

const ANYBODY: Client = { scope: '' }
/** Different wrong keys of one address in a window. */
export const MAX_WRONG_KEYS = 20
const MINUTE_MS = 60_000
const REMEMBERED = 5_000

/**
 * Asks for a key before anything is spent on a request: no slot, no byte of its body. While there are keys, every path wants one,
 * those that do not exist too; only routes with `config: { public: true }` are open. See `keyOf` for how a key may come, and
 * `KeyGuesses` for what becomes of an address that tries many.
 */
const plugin: FastifyPluginAsync<AuthOptions> = async (app, { keys, guessWindowMs = MINUTE_MS }) => {
  const guesses = createKeyGuesses({ limit: MAX_WRONG_KEYS, windowMs: guessWindowMs, remembered: REMEMBERED })
  app.decorateRequest('client')

  app.addHook('onRequest', (request, reply, done) => {
    request.client = ANYBODY
    if (keys.open || request.routeOptions.config.public) return done()
    const key = keyOf(request.raw.headersDistinct)
    const scope = key === null ? null : keys.nameOf(key)
    const waitSeconds = key === null ? 0 : guesses.judge(addressOf(request), key, scope)
    if (waitSeconds > 0) {
      reply.header('retry-after', waitSeconds)
      return done(new TooManyWrongKeysError(MAX_WRONG_KEYS))
    }
    if (scope === null) {
      reply.header('www-authenticate', 'Bearer')
      return done(new UnauthorizedError())
    }
    request.client = { scope }
    done()
  })
}

export default fp(plugin, { fastify: '5.x', name: 'auth' })
