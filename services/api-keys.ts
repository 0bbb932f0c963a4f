import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

export interface ApiKeys {
  /** No keys: everybody may ask. */
  readonly open: boolean
  /**
   * Whose key this is: the client's name, or null if it is none of ours. The name is the same after a restart, 16 hex digits,
   * and tells nothing of the key, so it may be stored and logged. How long this takes does not depend on what is right about a
   * wrong key: hashes are compared, each to its end, and always with those of all keys.
   */
  nameOf (key: string): string | null
}

/** Sets the names apart from plain hashes of the keys, which may lie in other systems. */
const NAME_DOMAIN = 'sightline client: '
const NAME_DIGITS = 16

export function createApiKeys (keys: readonly string[]): ApiKeys {
  const clients =
    keys.map(key => ({ digest: sha256(key), name: sha256(NAME_DOMAIN + key).toString('hex').slice(0, NAME_DIGITS) }))
  return {
    open: keys.length === 0,
    nameOf (key) {
      const given = sha256(key)
      let found: string | null = null
      for (const { digest, name } of clients) {
        if (timingSafeEqual(digest, given)) found = name
      }
      return found
    }
  }
}

/**
 * The key that a request carries, as `Authorization: Bearer <key>` or `X-API-Key: <key>`, or null. It may come more than once, and
 * by both ways, but then it has to be the same: with two different ones it would not be clear whose request it is, so that counts
 * as none. An `Authorization` of another kind (say Basic, meant for a proxy) and an empty header are no keys and do no harm.
 */
export function apiKeyOf (
  { authorization = [], 'x-api-key': plain = [] }: IncomingMessage['headersDistinct']
): string | null {
  const bearers = authorization.map(value => /^bearer +(.+)$/i.exec(value)?.[1] ?? '')
  const [key, ...others] = new Set([...bearers, ...plain].filter(Boolean))
  return key !== undefined && others.length === 0 ? key : null
}

function sha256 (text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
