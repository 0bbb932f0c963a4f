import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { TooManyWrongKeysError, UnauthorizedError } from '../errors/catalogue.ts'
import { KEY_FAULTS } from '../errors/phrases.ts'
import { apiKeyOf, keysOf, type ApiKeys } from '../services/api-keys.ts'
import { createKeyGuesses, type KeyGuesses } from '../services/key-guesses.ts'
import { addressOf } from './client-address.ts'

declare module 'fastify' {
  interface FastifyRequest { client: Client }
}

/** The sender of a request. */
export interface Client {
  /** Separates the data of different keys, e.g. the ids of images. Empty if the service has no keys. */
  readonly scope: string
}

export interface AuthOptions {
  keys: ApiKeys
  /** Shared by all contexts that check keys. */
  guesses: KeyGuesses
}

const ANYBODY: Client = { scope: '' }
/** Maximum number of different wrong keys of one address in a window. */
export const MAX_WRONG_KEYS = 20
const MINUTE_MS = 60_000
/** Number of addresses, and of pairs of address and key, to remember. */
const REMEMBERED = 5_000

/** Counts wrong keys of addresses in windows of one minute. */
export function createGuessLimit (windowMs = MINUTE_MS): KeyGuesses {
  return createKeyGuesses({ limit: MAX_WRONG_KEYS, windowMs, remembered: REMEMBERED })
}

/**
 * Checks the API key of every request of its context before the request gets a slot or its body is read. `apiKeyOf`
 * defines how a client may send its key. `KeyGuesses` slows down an address that tries many keys.
 */
const plugin: FastifyPluginAsync<AuthOptions> = async (app, { keys, guesses }) => {
  app.decorateRequest('client')

  app.addHook('onRequest', (request, reply, done) => {
    request.client = ANYBODY
    if (keys.open) return done()
    const key = apiKeyOf(request.raw.headersDistinct)
    const scope = key === null ? null : keys.nameOf(key)
    const waitSeconds = key === null ? 0 : guesses.judge(addressOf(request), key, scope)
    if (waitSeconds > 0) {
      reply.header('retry-after', waitSeconds)
      return done(new TooManyWrongKeysError(MAX_WRONG_KEYS))
    }
    if (scope === null) {
      reply.header('www-authenticate', 'Bearer')
      const hasSeveral = keysOf(request.raw.headersDistinct).length > 1
      return done(new UnauthorizedError(hasSeveral ? KEY_FAULTS.several : KEY_FAULTS.required))
    }
    request.client = { scope }
    done()
  })
}

export default fp(plugin, { fastify: '5.x', name: 'auth' })
