import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Body } from './http.ts'

/** Milliseconds between two pieces of a body. */
const PIECE_MS = 5

export interface PacedResponse {
  /** Its body is unread. */
  response: IncomingMessage
  /** When the last byte was sent, on the clock of `performance.now()`. */
  sentAt: number
}

/** Posts a body at a constant rate, on a new connection. */
export async function pacedPost (url: string, body: Body, bytesPerSecond: number): Promise<PacedResponse> {
  const { type, bytes } = body
  const outgoing = request(url, {
    method: 'POST',
    agent: false,
    headers: { 'content-type': type, 'content-length': bytes.length, accept: 'text/event-stream' }
  })
  const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>
  // The error of a connection that breaks also ends the upload below.
  answered.catch(() => {})

  const startedAt = performance.now()
  for (let sent = 0; sent < bytes.length;) {
    await sleep(PIECE_MS)
    const due = Math.min(bytes.length, Math.floor((performance.now() - startedAt) / 1000 * bytesPerSecond))
    if (!outgoing.write(bytes.subarray(sent, due))) await once(outgoing, 'drain')
    sent = due
  }
  outgoing.end()
  const sentAt = performance.now()
  const [response] = await answered
  return { response, sentAt }
}
