import { isIP, isIPv4 } from 'node:net'
import { ConfigError, listOf, wrong } from './values.ts'

// Settings that say who may use the service and which hosts it trusts.

/** Fastify's names for private address ranges. */
const PROXY_RANGES = ['loopback', 'linklocal', 'uniquelocal']
const HOST = /^(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?$/
/** Keys of fewer than 16 characters can be guessed. */
const KEY = /^[!-+\--~]{16,200}$/

export function readHosts (value: string): readonly string[] {
  const hosts = listOf(value.toLowerCase())
  for (const host of hosts) {
    if (!HOST.test(host)) {
      throw wrong(
        'IMAGE_URL_HOSTS', 'host names separated by commas, such as images.example.com or *.example.com', host
      )
    }
  }
  return hosts
}

export function readKeys (value: string): readonly string[] {
  const keys = listOf(value)
  for (const [index, key] of keys.entries()) {
    // The message does not contain the key, because it is logged.
    if (!KEY.test(key)) {
      throw new ConfigError(
        `API_KEYS: key ${index + 1} must have 16 to 200 printable ASCII characters, without blanks or commas`
      )
    }
    if (keys.indexOf(key) !== index) throw new ConfigError(`API_KEYS: key ${index + 1} is a duplicate`)
  }
  return keys
}

export function readOrigins (value: string): readonly string[] {
  const origins = listOf(value)
  for (const origin of origins) {
    const isOrigin = URL.canParse(origin) && new URL(origin).origin === origin
    if (origin !== '*' && !isOrigin) {
      throw wrong('CORS_ORIGIN', '* or origins separated by commas, such as https://chat.example.com', origin)
    }
  }
  return origins
}

export function readTrustProxy (value: string): readonly string[] {
  const entries = listOf(value)
  for (const entry of entries) {
    if (trustsEveryone(entry)) {
      throw new ConfigError(
        `TRUST_PROXY=${entry} would trust every client, and clients can forge X-Forwarded-For: ` +
        'list the addresses or CIDRs of the proxies, such as 172.18.0.0/16'
      )
    }
    if (!isProxy(entry)) {
      throw wrong('TRUST_PROXY', `addresses or CIDRs separated by commas (or ${PROXY_RANGES.join(', ')})`, entry)
    }
  }
  return entries
}

function trustsEveryone (entry: string): boolean {
  return ['true', '*'].includes(entry.toLowerCase()) || /\/0+$/.test(entry)
}

function isProxy (entry: string): boolean {
  if (PROXY_RANGES.includes(entry)) return true
  const [address = '', prefix = '', ...rest] = entry.split('/')
  if (isIP(address) === 0 || rest.length > 0) return false
  return !entry.includes('/') || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (isIPv4(address) ? 32 : 128))
}
