import { ADDRCONFIG } from 'node:dns'
import { lookup } from 'node:dns/promises'
import http, { type IncomingMessage } from 'node:http'
import https from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { finished, Transform, type Readable } from 'node:stream'
import {
  FileTooLargeError, ImageUrlFailedError, ImageUrlRefusedError, SightlineError, withDetails
} from '../../errors/catalogue.ts'
import type { Phrase } from '../../errors/language.ts'
import { FETCH_FAULTS } from '../../errors/phrases.ts'
import { createDeferred } from '../deferred.ts'
import { isPublicAddress } from './public-address.ts'

export interface ImageFetcherOptions {
  /** Hosts, in lower case, from which images may come; `*.example.com` stands for all below it and not for itself. Empty: none. */
  hosts: readonly string[]
  maxFileSizeMb: number
  /** From `open` to the last byte, over all redirects. */
  timeoutMs?: number
  maxRedirects?: number
  /** Only for networks without an internet, such as those of tests. */
  network?: Partial<Network>
}

export interface Network {
  /** All addresses of a host; rejects like `dns.lookup`. */
  resolve (host: string): Promise<Address[]>
  isPublic (address: string): boolean
  /** Ports that a URL may name; it need not name 80 for http and 443 for https. */
  ports: readonly number[]
  /** PEM of whom to trust instead of Node's own authorities. */
  ca: string | undefined
}

export interface Address { address: string, family: number }

export interface ImageFetcher {
  /**
   * Fetches what an http or https URL names. Every host on the way, redirects included, must be an allowed one and have public addresses
   * only, and nothing but an address that was checked is connected to. What the host says about the type is not believed, nor looked at.
   * @param url as the client sent it
   * @param field how errors name the place, e.g. `messages[0].content[1].image_url.url`
   * @param signal gives up, at any time until the stream has ended
   * @returns the bytes. The stream fails with FileTooLargeError (by its length, if told, `open` already does), ImageUrlFailedError when
   *   the connection breaks off or time is up, or the reason of `signal`. When it ends, fails or is destroyed the connection is closed;
   *   one that nobody reads is destroyed when time is up.
   * @throws ImageUrlRefusedError when a URL, its host or an address of it is not allowed; ImageUrlFailedError; FileTooLargeError; the
   *   reason of `signal`. None of them tells an address.
   */
  open (url: string, field: string, signal: AbortSignal): Promise<Readable>
}

const TIMEOUT_MS = 15_000
const MAX_REDIRECTS = 3
const REDIRECTS = new Set([301, 302, 303, 307, 308])
/** What servers commonly take. */
const URL_MAX_CHARACTERS = 8192
const CLIENTS = { 'http:': http, 'https:': https }
const HEADERS = { accept: 'image/*', 'accept-encoding': 'identity', 'user-agent': 'sightline' }

/** Fetches images by URL, from few hosts and never from an address that is not public. Knows no cookies, credentials or proxies. */
export function createImageFetcher (
  { hosts, maxFileSizeMb, timeoutMs = TIMEOUT_MS, maxRedirects = MAX_REDIRECTS, network = {} }: ImageFetcherOptions
): ImageFetcher {
  const { resolve = resolveAll, isPublic = isPublicAddress, ports = [], ca } = network
  const maxBytes = Math.floor(maxFileSizeMb * 1024 * 1024)

  /** What forbids to ask a URL, or null. */
  function findFault (url: URL): Phrase | null {
    if (!Object.hasOwn(CLIENTS, url.protocol)) return FETCH_FAULTS.scheme
    if (url.username !== '' || url.password !== '') return FETCH_FAULTS.credentials
    if (hosts.length === 0) return FETCH_FAULTS.off
    // The URL's parser has brought every spelling of an address into its usual form, so that it is known as one.
    const host = bareHost(url)
    if (!hosts.some(entry => covers(entry, host))) return FETCH_FAULTS.host
    if (url.port !== '' && !ports.includes(Number(url.port))) return FETCH_FAULTS.port
    // A socket does not look up what is an address already.
    return isIP(host) === 0 || isPublic(host) ? null : FETCH_FAULTS.address
  }

  /**
   * Resolves for a socket. The check is made here and not before, so that what was checked is what is connected to, whatever the DNS
   * says next. One bad address condemns all: a host on the internet has no business with the inside of this network.
   */
  function lookupFor (field: string): LookupFunction {
    const check = (addresses: Address[]) => {
      if (addresses.length === 0) throw new ImageUrlFailedError(field, FETCH_FAULTS.resolve)
      if (!addresses.every(({ address }) => isPublic(address))) throw new ImageUrlRefusedError(field, FETCH_FAULTS.address)
      return addresses as [Address, ...Address[]]
    }
    return (host, { all }, callback) => {
      resolve(host).then(check).then(
        addresses => all ? callback(null, addresses) : callback(null, addresses[0].address, addresses[0].family),
        error => callback(error, ''))
    }
  }

  /** The head of the response to one request. */
  async function send (url: URL, field: string, signal: AbortSignal): Promise<IncomingMessage> {
    signal.throwIfAborted()
    const response = createDeferred<IncomingMessage>()
    const request = CLIENTS[url.protocol as keyof typeof CLIENTS].get({
      hostname: bareHost(url),
      port: url.port || undefined,
      path: url.pathname + url.search,
      headers: HEADERS,
      agent: false,
      lookup: lookupFor(field),
      ca,
      // The environment can turn this off for the whole process.
      rejectUnauthorized: true
    })
    const giveUp = () => {
      request.destroy()
      response.reject(signal.reason)
    }
    signal.addEventListener('abort', giveUp, { once: true })
    request.on('response', response.resolve)
    request.on('error', error => response.reject(toFailure(error, field)))
    request.on('close', () => {
      signal.removeEventListener('abort', giveUp)
      response.reject(new ImageUrlFailedError(field, FETCH_FAULTS.broken))
    })
    return response.promise
  }

  /**
   * A URL that may be asked.
   * @param from what redirected to it
   */
  function admit (text: string, field: string, from?: URL): URL {
    const refuse = (fault: Phrase) => new ImageUrlRefusedError(field, from ? FETCH_FAULTS.afterRedirect(fault) : fault)
    if (text.length > URL_MAX_CHARACTERS) throw refuse(FETCH_FAULTS.tooLong(URL_MAX_CHARACTERS))
    if (!URL.canParse(text, from?.href)) throw refuse(FETCH_FAULTS.notUrl)
    const url = new URL(text, from)
    const fault = findFault(url)
    if (fault) throw refuse(fault)
    return url
  }

  /** The head of the first response that is no redirect. */
  async function follow (text: string, field: string, signal: AbortSignal): Promise<IncomingMessage> {
    let url = admit(text, field)
    for (let redirects = 0; ; redirects++) {
      const response = await send(url, field, signal)
      const { statusCode = 0, headers: { location } } = response
      if (!REDIRECTS.has(statusCode) || location === undefined) return response
      response.destroy()
      if (redirects === maxRedirects) throw new ImageUrlFailedError(field, FETCH_FAULTS.tooManyRedirects(maxRedirects))
      // Node reads headers as Latin-1, but servers write URLs in UTF-8.
      url = admit(Buffer.from(location, 'latin1').toString(), field, url)
    }
  }

  /** What in the head of a response says that the rest is not wanted, or null. */
  function findError ({ statusCode = 0, headers }: IncomingMessage, field: string): SightlineError | null {
    if (statusCode !== 200) return new ImageUrlFailedError(field, FETCH_FAULTS.status(statusCode))
    if ((headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity') {
      return new ImageUrlFailedError(field, FETCH_FAULTS.encoded)
    }
    return Number(headers['content-length'] ?? 0) > maxBytes ? tooLarge(field) : null
  }

  const tooLarge = (field: string) =>
    withDetails(new FileTooLargeError(field, maxFileSizeMb), { field, limit_mb: maxFileSizeMb })

  function bound (response: IncomingMessage, field: string, limit: Limit): Readable {
    let bytes = 0
    const body = new Transform({
      transform (chunk: Buffer, _encoding, done) {
        bytes += chunk.length
        if (bytes > maxBytes) done(tooLarge(field))
        else done(null, chunk)
      },
      destroy (error, done) {
        limit.end()
        response.destroy()
        done(error)
      }
    })
    limit.signal.addEventListener('abort', () => body.destroy(limit.signal.reason), { once: true })
    finished(response, error => { if (error) body.destroy(toFailure(error, field)) })
    // It may fail before its reader has begun, who then finds the error in the stream.
    body.on('error', () => {})
    return response.pipe(body)
  }

  return {
    async open (url, field, signal) {
      signal.throwIfAborted()
      const limit = createLimit(signal, timeoutMs, () => new ImageUrlFailedError(field, FETCH_FAULTS.tooSlow(timeoutMs / 1000)))
      try {
        const response = await follow(url, field, limit.signal)
        const error = limit.signal.aborted ? limit.signal.reason : findError(response, field)
        if (!error) return bound(response, field, limit)
        response.destroy()
        throw error
      } catch (error) {
        limit.end()
        throw error
      }
    }
  }
}

interface Limit {
  /** Fires with the reason when the caller gives up or time is up. */
  signal: AbortSignal
  /** From here on nothing fires and no timer runs. */
  end (): void
}

function createLimit (signal: AbortSignal, timeoutMs: number, timeoutError: () => Error): Limit {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(timeoutError()), timeoutMs)
  const giveUp = () => controller.abort(signal.reason)
  signal.addEventListener('abort', giveUp, { once: true })
  return {
    signal: controller.signal,
    end () {
      clearTimeout(timer)
      signal.removeEventListener('abort', giveUp)
    }
  }
}

function resolveAll (host: string): Promise<Address[]> {
  // No IPv6 where this machine has none, as sockets ask by default.
  return lookup(host, { all: true, hints: ADDRCONFIG })
}

/** The host as sockets want it: an IPv6 address without its brackets. */
function bareHost ({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, '$1')
}

/** Whether an entry of the list of hosts means this one. */
function covers (entry: string, host: string): boolean {
  if (!entry.startsWith('*.')) return entry === host
  // An address has nothing below it.
  return host.endsWith(entry.slice(1)) && host.length >= entry.length && isIP(host) === 0
}

/** An error of a lookup, a socket or a response, as the client may know it. */
function toFailure (error: NodeJS.ErrnoException, field: string): SightlineError {
  if (error instanceof SightlineError) return error
  // It names addresses: for those who debug, not for the client.
  return Object.assign(new ImageUrlFailedError(field, faultOf(error)), { cause: error })
}

function faultOf ({ code = '', syscall }: NodeJS.ErrnoException): Phrase {
  if (syscall === 'getaddrinfo') return FETCH_FAULTS.resolve
  if (/^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|EADDRNOTAVAIL|EACCES|EPERM|EINVAL)$/.test(code)) {
    return FETCH_FAULTS.connect
  }
  if (/CERT|TLS|SSL|^EPROTO$|^UNABLE_TO_|^INVALID_|^PATH_LENGTH_|^HOSTNAME_/.test(code)) return FETCH_FAULTS.secure
  return code.startsWith('HPE_') ? FETCH_FAULTS.http : FETCH_FAULTS.broken
}
