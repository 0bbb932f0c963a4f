import type { OutgoingHttpHeaders } from 'node:http'
import type { FastifyReply } from 'fastify'

const KEEP_ALIVE_MS = 15_000
/** A reader that takes nothing more for this long, though the end was written, is cut off. */
const LAST_WORDS_MS = 5_000

export interface SseWriter {
  /** Writes one event; waits while the reader is behind. Does nothing once the reader has left. */
  send (event: string, data: unknown): Promise<void>
  /** The same without a name; a text goes as it is. */
  data (data: unknown): Promise<void>
  end (): void
}

/**
 * Starts a stream of server-sent events on a reply; from here on the reply belongs to the writer.
 * @param signal once it fired, `send` no longer waits for the reader
 */
export function startSse (reply: FastifyReply, signal: AbortSignal): SseWriter {
  const { raw } = reply
  const headers: OutgoingHttpHeaders = {
    ...reply.getHeaders() as OutgoingHttpHeaders,
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    // nginx would hold the events back otherwise.
    'x-accel-buffering': 'no'
  }
  reply.hijack()
  // They go out together with the first event, which follows at once.
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
      // Of the socket: it begins anew with every byte that moves, so who reads slowly gets to the end.
      raw.setTimeout(LAST_WORDS_MS, () => raw.destroy())
    }
  }
}
