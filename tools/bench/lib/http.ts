import { request, type IncomingMessage } from 'node:http'
import { once } from 'node:events'

export interface Body { type: string, bytes: Buffer }

/**
 * Posts a body on a new connection.
 * @param body created before the call, so that its creation is not measured
 * @returns the response, before its body is read
 */
export async function post (url: string, { type, bytes }: Body, signal?: AbortSignal): Promise<IncomingMessage> {
  const outgoing = request(url, {
    method: 'POST',
    agent: false,
    headers: { 'content-type': type, 'content-length': bytes.length, accept: 'text/event-stream' },
    signal
  })
  // A server may answer and close the connection before it has read the whole body. Only the answer matters.
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
  /** Empty if the event has no name. */
  event: string
  data: string
  /** `performance.now()` when its last byte arrived. */
  at: number
}

/** Yields server-sent events as they arrive, without comments. */
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
