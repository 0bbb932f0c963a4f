import http, { type IncomingHttpHeaders } from 'node:http'
import https from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ChatAnswer } from '../../schemas/chat.ts'

/** The service cannot be used at all. Every other example would fail for the same reason. */
export class ServiceError extends Error {}

/** The service refused one request. */
export class RefusedError extends Error {
  readonly code: string
  /** With IMAGE_EXPIRED, the ids of the images to send again. */
  readonly ids: string[]

  constructor (status: number, { code = '', error = '', ids = [] }: { code?: string, error?: string, ids?: string[] }) {
    super([status, code].join(' ').trim() + (error && `: ${error}`))
    this.code = code
    this.ids = ids
  }
}

/** The part of `/api/status` that reports contain. */
export interface ServiceStatus {
  model: { name: string, device: string, context_size: number, vision: object | null }
  slots: { total: number }
  limits: Record<string, number>
}

export interface Client {
  /**
   * Asks `/api/chat`, and asks again as long as the service is busy.
   * @throws ServiceError, RefusedError, the reason of `signal`
   */
  ask (form: FormData, signal: AbortSignal): Promise<ChatAnswer>
  /** @throws ServiceError, the reason of `signal` */
  status (signal: AbortSignal): Promise<ServiceStatus>
}

export interface ClientOptions {
  /** Base URL of the service, such as http://localhost:5000, with or without a path. */
  url: string
  /** API key. If it is empty, none is sent. */
  key: string
}

interface Content { body: Buffer, type: string }
interface Reply { status: number, headers: IncomingHttpHeaders, body: Record<string, unknown> }

const TRANSPORTS = { 'http:': http, 'https:': https }
const OK = 200
const UNKEYED = [401, 403]
const NOT_FOUND = 404
const TOO_MANY_REQUESTS = 429
const UNAVAILABLE = 503
/** Codes of a 503 for which a retry does not help. */
const FINAL_CODES = ['ENGINE_CRASHED', 'SHUTTING_DOWN']
/** Longest time that one request waits for a busy service, over all retries. */
const PATIENCE_MS = 600_000
const DEFAULT_WAIT_S = 5

export function createClient ({ url, key }: ClientOptions): Client {
  const at = (path: string) => new URL(path, url.endsWith('/') ? url : `${url}/`)

  return {
    async ask (form, signal) {
      const encoded = new Response(form)
      const body = Buffer.from(await encoded.arrayBuffer())
      const answer =
        await exchangeUntilAdmitted('api/chat', signal, { body, type: encoded.headers.get('content-type')! })
      if (typeof answer.response !== 'string') throw new ServiceError(`${url} is not a Sightline service`)
      return answer as unknown as ChatAnswer
    },
    async status (signal) {
      const answer = await exchangeUntilAdmitted('api/status', signal).catch(error => {
        throw error instanceof RefusedError ? new ServiceError(`${url} answers with ${error.message}`) : error
      })
      const { model, slots, limits } = answer
      if (!model || !slots || !limits) throw new ServiceError(`${url} is not a Sightline service`)
      return answer as unknown as ServiceStatus
    }
  }

  async function exchangeUntilAdmitted (path: string, signal: AbortSignal, content?: Content): Promise<Reply['body']> {
    const deadline = performance.now() + PATIENCE_MS
    for (;;) {
      const reply = await exchange(at(path), key, signal, content)
      if (reply.status === OK) return reply.body
      const refused = new RefusedError(reply.status, reply.body)
      if (UNKEYED.includes(reply.status)) {
        throw new ServiceError(`${url} needs a valid key: set --key or SIGHTLINE_KEY (${refused.message})`)
      }
      if (reply.status === NOT_FOUND) throw new ServiceError(`${url} is not a Sightline service`)
      const waitMs = waitOf(reply, refused.code)
      if (waitMs === null || performance.now() + waitMs > deadline) throw refused
      await sleep(waitMs, undefined, { signal })
    }
  }
}

/** Milliseconds until a retry, or null when a retry does not help. */
function waitOf ({ status, headers }: Reply, code: string): number | null {
  if (status !== TOO_MANY_REQUESTS && (status !== UNAVAILABLE || FINAL_CODES.includes(code))) return null
  return (Number(headers['retry-after']) || DEFAULT_WAIT_S) * 1000
}

/** One request and its whole answer. It has no timeout; `fetch` gives up after five minutes without headers. */
async function exchange (url: URL, key: string, signal: AbortSignal, content?: Content): Promise<Reply> {
  signal.throwIfAborted()
  return await new Promise<Reply>((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => reject(signal.aborted
      ? signal.reason
      : new ServiceError(`${url.origin} cannot be reached: ${error.code ?? error.message}`))
    const request = TRANSPORTS[url.protocol as keyof typeof TRANSPORTS].request(url, {
      method: content ? 'POST' : 'GET',
      agent: false,
      signal,
      headers: {
        accept: 'application/json',
        ...key !== '' && { authorization: `Bearer ${key}` },
        ...content && { 'content-type': content.type, 'content-length': content.body.length }
      }
    }, response => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', fail)
      response.on('end', () => {
        try {
          const body = JSON.parse(Buffer.concat(chunks).toString()) as Reply['body'] | null
          resolve({ status: response.statusCode!, headers: response.headers, body: body ?? {} })
        } catch {
          resolve({ status: response.statusCode!, headers: response.headers, body: {} })
        }
      })
    })
    request.on('error', fail)
    request.end(content?.body)
  })
}
