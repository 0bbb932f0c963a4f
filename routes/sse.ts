import type { OutgoingHttpHeaders } from 'node:http'
import type { FastifyReply } from 'fastify'

const KEEP_ALIVE_MS = 15_000
/** A client is disconnected if it reads nothing for this long after the end of the stream was written. */
const LAST_BYTES_MS = 5_000

export interface SseWriter {
  /** Writes one event and waits until the client has read enough. Does nothing once the client has left. */
  send (event: string, data: unknown): Promise<void>
  /** Writes data without an event name. A string is sent as it is. */
  data (data: unknown): Promise<void>
  end (): void
}

/**
 * Starts a stream of server-sent events. The writer owns the reply from here on.
 * @param signal once it has fired, `send` no longer waits for the client
 */
export function startSse (reply: FastifyReply, signal: AbortSignal): SseWriter {
  const { raw } = reply
  const headers: OutgoingHttpHeaders = {
    ...reply.getHeaders() as OutgoingHttpHeaders,
    'content-type': 'text/event-stream; charset=utf-8',
    // `no-transform`: compressing proxies would collect the events.
    'cache-control': 'no-store, no-transform',
    // Without this header nginx buffers the events.
    'x-accel-buffering': 'no'
  }
  reply.hijack()
  // The head is sent together with the first event, which follows at once.
  raw.writeHead(200, headers)
  const keepAlive = setInterval(() => {
    if (raw.writableLength === 0) raw.write(': keep-alive\n\n')
  }, KEEP_ALIVE_MS)
  raw.once('close', () => clearInterval(keepAlive))

  async function drained (): Promise<void> {
    await new Promise<void>(resolve => {
      const done = () => {
        raw.off('drain', done)
        raw.off('close', done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      raw.once('drain', done)
      raw.once('close', done)
      signal.addEventListener('abort', done, { once: true })
    })
  }

  async function write (block: string): Promise<void> {
    if (raw.destroyed || raw.writableEnded) return
    const flowing = raw.write(block)
    if (!flowing && !raw.destroyed && !signal.aborted) await drained()
  }

  return {
    send: (event, data) => write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`),
    data: data => write(`data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`),
    end () {
      clearInterval(keepAlive)
      raw.end()
      // A timeout of the socket restarts with every byte that moves: slow readers get everything.
      raw.setTimeout(LAST_BYTES_MS, () => raw.destroy())
    }
  }
}
