import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

export interface ApiKeys {
  /** True if no keys are configured, which means that no key is required. */
  readonly open: boolean
  /**
   * Returns the name of the client with this key, or null for an unknown key. The name has 16 hexadecimal digits, is
   * the same after a restart, and reveals nothing about the key, so it may be stored and logged. The time does not
   * depend on how much of a wrong key is right: complete hashes are compared with those of all keys.
   */
  nameOf (key: string): string | null
}

/** Makes names differ from plain hashes of the keys, which other systems may store. */
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
 * Returns the API key of a request, sent as `Authorization: Bearer <key>` or `X-API-Key: <key>`, or null without one.
 * The same key may be sent several times. Two different keys count as none, because the client would be ambiguous.
 * Empty headers and other kinds of `Authorization`, such as Basic for a proxy, are ignored.
 */
export function apiKeyOf (headers: IncomingMessage['headersDistinct']): string | null {
  const [key, ...others] = keysOf(headers)
  return key !== undefined && others.length === 0 ? key : null
}

/** Returns the different keys of a request, see `apiKeyOf`. */
export function keysOf ({ authorization = [], 'x-api-key': plain = [] }: IncomingMessage['headersDistinct']): string[] {
  const bearers = authorization.map(value => /^bearer +(.+)$/i.exec(value)?.[1] ?? '')
  return [...new Set([...bearers, ...plain].filter(Boolean))]
}

function sha256 (text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
