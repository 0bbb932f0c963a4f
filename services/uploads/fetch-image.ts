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
  /** Allowed hosts, in lower case. `*.example.com` means every subdomain, but not `example.com` itself. Empty: none. */
  hosts: readonly string[]
  maxFileSizeMb: number
  /** Time from `open` to the last byte, including redirects. */
  timeoutMs?: number
  maxRedirects?: number
  /** Replaces parts of the network in tests. */
  network?: Partial<Network>
}

export interface Network {
  /** Returns all addresses of a host. Rejects like `dns.lookup`. */
  resolve (host: string): Promise<Address[]>
  isPublic (address: string): boolean
  /** Ports that a URL may name, in addition to the default ports of http and https. */
  ports: readonly number[]
  /** PEM of the certificate authorities, instead of those of Node. */
  ca: string | undefined
}

export interface Address { address: string, family: number }

export interface ImageFetcher {
  /**
   * Fetches an image by its http or https URL. Every host, also of redirects, must be allowed and have public addresses
   * only, and only checked addresses are contacted. The content type is ignored.
   * @param url the URL from the client
   * @param field the place that errors name, e.g. `messages[0].content[1].image_url.url`
   * @param signal aborts until the stream has ended
   * @returns a stream of the bytes. It fails with FileTooLargeError, with ImageUrlFailedError if the connection breaks
   *   off or the time is up, or with the reason of `signal`. The connection is closed when the stream ends, fails or is
   *   destroyed. A stream that is not read is destroyed when the time is up.
   * @throws ImageUrlRefusedError when a URL, its host or one of its addresses is not allowed; ImageUrlFailedError;
   *   FileTooLargeError if the declared length is too large; the reason of `signal`. No error contains an address.
   */
  open (url: string, field: string, signal: AbortSignal): Promise<Readable>
}

const TIMEOUT_MS = 15_000
const MAX_REDIRECTS = 3
const REDIRECTS = new Set([301, 302, 303, 307, 308])
/** The common limit of servers. */
const URL_MAX_CHARACTERS = 8192
const CLIENTS = { 'http:': http, 'https:': https }
const HEADERS = { accept: 'image/*, application/pdf', 'accept-encoding': 'identity', 'user-agent': 'sightline' }

/** Creates a fetcher for images by URL. It sends no cookies or credentials and uses no proxies. */
export function createImageFetcher (
  { hosts, maxFileSizeMb, timeoutMs = TIMEOUT_MS, maxRedirects = MAX_REDIRECTS, network = {} }: ImageFetcherOptions
): ImageFetcher {
  const { resolve = resolveAll, isPublic = isPublicAddress, ports = [], ca } = network
  const maxBytes = Math.floor(maxFileSizeMb * 1024 * 1024)

  /** Returns why a URL is not allowed, or null if it is. */
  function findFault (url: URL): Phrase | null {
    if (!Object.hasOwn(CLIENTS, url.protocol)) return FETCH_FAULTS.scheme
    if (url.username !== '' || url.password !== '') return FETCH_FAULTS.credentials
    if (hosts.length === 0) return FETCH_FAULTS.off
    // The URL parser has normalised every spelling of an address, so `isIP` recognises it.
    const host = bareHost(url)
    if (!hosts.some(entry => covers(entry, host))) return FETCH_FAULTS.host
    if (url.port !== '' && !ports.includes(Number(url.port))) return FETCH_FAULTS.port
    // Sockets do not look up addresses, so they are checked here.
    return isIP(host) === 0 || isPublic(host) ? null : FETCH_FAULTS.address
  }

  /**
   * Returns the lookup function of a socket. It checks the addresses that the socket will use, so a later DNS answer
   * cannot replace them. A host with any address that is not public is refused.
   */
  function lookupFor (field: string): LookupFunction {
    const check = (addresses: Address[]) => {
      if (addresses.length === 0) throw new ImageUrlFailedError(field, FETCH_FAULTS.resolve)
      if (!addresses.every(({ address }) => isPublic(address))) {
        throw new ImageUrlRefusedError(field, FETCH_FAULTS.address)
      }
      return addresses as [Address, ...Address[]]
    }
    return (host, { all }, callback) => {
      resolve(host).then(check).then(
        addresses => all ? callback(null, addresses) : callback(null, addresses[0].address, addresses[0].family),
        error => callback(error, ''))
    }
  }

  /** Sends one request and returns the response before its body. */
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
      // An environment variable could otherwise turn this off for the whole process.
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
   * Returns a parsed URL that may be fetched.
   * @param from the URL that redirected to it
   * @throws ImageUrlRefusedError
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

  /** Follows redirects and returns the first other response. */
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

  /** Returns the error for a response whose status or headers are not acceptable, or null. */
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
    // The stream may fail before it is read. The reader then finds the error in the stream.
    body.on('error', () => {})
    return response.pipe(body)
  }

  return {
    async open (url, field, signal) {
      signal.throwIfAborted()
      const timeoutError = () => new ImageUrlFailedError(field, FETCH_FAULTS.tooSlow(timeoutMs / 1000))
      const limit = createLimit(signal, timeoutMs, timeoutError)
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
  /** Fires with the reason when the caller aborts or the time is up. */
  signal: AbortSignal
  /** Stops the timer. The signal does not fire afterwards. */
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
  // `ADDRCONFIG` omits IPv6 on machines without it, like the default of sockets.
  return lookup(host, { all: true, hints: ADDRCONFIG })
}

/** Returns the host of a URL for a socket: an IPv6 address has no brackets. */
function bareHost ({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, '$1')
}

/** Returns whether an entry of the allowed hosts covers a host. */
function covers (entry: string, host: string): boolean {
  if (!entry.startsWith('*.')) return entry === host
  // An address has no subdomains.
  return host.endsWith(entry.slice(1)) && host.length >= entry.length && isIP(host) === 0
}

/** Converts an error of a lookup, a socket or a response for the client. */
function toFailure (error: NodeJS.ErrnoException, field: string): SightlineError {
  if (error instanceof SightlineError) return error
  // The original error contains addresses, so it is a cause for the log only.
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
