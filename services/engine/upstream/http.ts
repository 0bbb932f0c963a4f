import http, { type IncomingMessage } from 'node:http'
import https from 'node:https'
import { Readable } from 'node:stream'
import { createDeferred } from '../../deferred.ts'
import type { RequestBody } from './body.ts'

/** No connection was established. Nothing was sent, so another upstream can be tried. */
export class UnreachableError extends Error {}
/** The connection broke, or the peer does not speak HTTP. */
export class LostError extends Error {}

export interface UpstreamRequest {
  url: URL
  /** Empty to send no key. */
  apiKey: string
  /** Additional headers. */
  headers?: Readonly<Record<string, string>>
  /** Absent for GET. */
  body?: RequestBody
}

const CLIENTS = { 'http:': http, 'https:': https }
const CONNECT_TIMEOUT_MS = 5_000
/** TCP detects a peer that disappeared without closing the connection some minutes after this delay. */
const TCP_KEEP_ALIVE_MS = 15_000
const TEXT_MAX_BYTES = 4 * 1024 * 1024

/**
 * Sends a request on a new connection and waits for the head of its response. There is no timeout for the head,
 * because a busy upstream can take long. Node's `fetch` would give up after 300 seconds. `signal` is the deadline. When
 * it fires, even while the body is read, the connection is closed at once.
 * @throws UnreachableError, LostError, the reason of `signal`
 */
export async function send (
  { url, apiKey, headers, body }: UpstreamRequest, signal: AbortSignal
): Promise<IncomingMessage> {
  signal.throwIfAborted()
  const response = createDeferred<IncomingMessage>()
  let connected = false
  const secure = url.protocol === 'https:'
  const request = CLIENTS[url.protocol as keyof typeof CLIENTS].request(url, {
    method: body ? 'POST' : 'GET',
    agent: false,
    headers: {
      ...headers,
      accept: body ? 'text/event-stream' : 'application/json',
      'accept-encoding': 'identity',
      'user-agent': 'sightline',
      ...apiKey !== '' && { authorization: `Bearer ${apiKey}` },
      ...body && { 'content-type': 'application/json', 'content-length': body.length }
    }
  })
  const timer = setTimeout(() => request.destroy(new Error('connection timeout')), CONNECT_TIMEOUT_MS)
  request.once('socket', socket => {
    socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS)
    socket.setNoDelay(true)
    socket.once(secure ? 'secureConnect' : 'connect', () => {
      connected = true
      clearTimeout(timer)
    })
  })
  const giveUp = () => request.destroy()
  signal.addEventListener('abort', giveUp, { once: true })
  request.once('response', response.resolve)
  request.on('error', error => {
    if (signal.aborted) response.reject(signal.reason)
    else response.reject(connected ? new LostError(reasonOf(error)) : new UnreachableError(reasonOf(error)))
  })
  request.once('close', () => {
    clearTimeout(timer)
    signal.removeEventListener('abort', giveUp)
    response.reject(signal.aborted ? signal.reason : new LostError('connection closed without an answer'))
  })
  // An error of the body becomes the error of the request.
  if (body) Readable.from(body.pieces()).on('error', error => request.destroy(error)).pipe(request)
  else request.end()
  return await response.promise
}

/**
 * Reads the bytes of a response.
 * @throws LostError, the reason of `signal`
 */
export async function * readBytes (response: IncomingMessage, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield * response
  } catch (error) {
    throw signal.aborted ? signal.reason : new LostError(reasonOf(error as Error))
  }
}

/**
 * Reads a response as text, up to a limit of 4 MiB.
 * @throws LostError, the reason of `signal`
 */
export async function readText (response: IncomingMessage, signal: AbortSignal): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of readBytes(response, signal)) {
    chunks.push(chunk)
    length += chunk.length
    if (length > TEXT_MAX_BYTES) break
  }
  return Buffer.concat(chunks).toString()
}

/** Returns a reason for the log. Prefers the code, because messages of parsers can quote the response. */
function reasonOf (error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? error.message
}
