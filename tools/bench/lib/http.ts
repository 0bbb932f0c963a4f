import { request, type IncomingMessage } from 'node:http'
import { once } from 'node:events'

export interface Body { type: string, bytes: Buffer }

/**
 * Posts a body that is ready in memory, so that making it does not count, on a connection of its own.
 * @returns the response with its body unread
 */
export async function post (url: string, { type, bytes }: Body, signal?: AbortSignal): Promise<IncomingMessage> {
  const outgoing = request(url, {
    method: 'POST',
    agent: false,
    headers: { 'content-type': type, 'content-length': bytes.length, accept: 'text/event-stream' },
    signal
  })
  // A server that answers before it has read everything may close under the rest of the body; the answer is what counts.
  outgoing.on('error', () => {})
  outgoing.end(bytes)
  const [response] = await once(outgoing, 'response') as [IncomingMessage]
  return response
}

export async function readText (stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

export interface SseEvent {
  /** Empty when the stream names none. */
  event: string
  data: string
  /** `performance.now()` when its last byte had arrived. */
  at: number
}

/** Server-sent events as they arrive; comments are left out. */
export async function * readSse (stream: AsyncIterable<Buffer>): AsyncGenerator<SseEvent> {
  const decoder = new TextDecoder()
  let buffer = ''
  for await (const chunk of stream) {
    const at = performance.now()
    buffer += decoder.decode(chunk, { stream: true })
    const blocks = buffer.split('\n\n')
    buffer = blocks.pop()!
    for (const block of blocks) {
      const data = /^data: ?(.*)$/m.exec(block)?.[1]
      if (data !== undefined) yield { event: /^event: ?(.*)$/m.exec(block)?.[1] ?? '', data, at }
    }
  }
}
