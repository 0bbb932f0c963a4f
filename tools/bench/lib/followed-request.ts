import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { readSse, type Body } from './http.ts'

/** The phases of a request, as far as its client can see them. Encoding includes the wait for the encoder. */
export const PHASES = ['upload', 'preparation', 'encoding', 'prefill', 'decoding'] as const
export type Phase = typeof PHASES[number]

/** Number of pieces of a slow upload, and the pause after each. */
export const PIECES = 40
const PIECE_PAUSE_MS = 20

export interface FollowOptions {
  /** Number of images in the request. */
  images: number
  /** Value of the header that `slot-probe.mjs` reads. */
  id?: string
  /** Whether the engine has cached the images' embeddings, so that nothing is encoded. */
  isKnown?: boolean
  /** Sends only this many of `PIECES` pieces, slowly. By default the whole body is sent at once. */
  pieces?: number | undefined
  /** Called when an image has been encoded. */
  onEncoded?: () => void
}

export interface FollowedRequest {
  /** `performance.now()` at the start of each phase. */
  readonly at: Partial<Record<Phase, number>>
  /** Settles when all pieces of the request that should be sent are sent. */
  readonly sent: Promise<void>
  /** Settles at the end of the answer, and never rejects. */
  readonly over: Promise<void>
  /** Why the request failed, or null. */
  readonly failure: string | null
  /** The current phase. */
  phase (): Phase
  /**
   * Waits until the request has reached a phase or a later one.
   * @throws Error when the request ends before
   */
  reach (phase: Phase): Promise<void>
  /** Closes the connection. @returns the time, in nanoseconds on the machine's monotonic clock */
  close (): bigint
}

/** Sends a request to `/api/chat_stream` and follows its phases by the events of the stream. */
export function sendFollowed (
  url: string, { type, bytes }: Body, { images, id, isKnown, pieces, onEncoded }: FollowOptions
): FollowedRequest {
  const at: Partial<Record<Phase, number>> = { upload: performance.now() }
  const reached = new EventTarget()
  let failure: string | null = null
  let isClosed = false
  let receipts = 0
  const enter = (phase: Phase) => {
    if (at[phase] !== undefined) return
    at[phase] = performance.now()
    reached.dispatchEvent(new Event(phase))
  }

  const outgoing = httpRequest(`${url}/api/chat_stream`, {
    method: 'POST',
    agent: false,
    headers: {
      'content-type': type,
      'content-length': bytes.length,
      accept: 'text/event-stream',
      ...id !== undefined && { 'x-bench-request': id }
    }
  })
  outgoing.on('error', error => { if (!isClosed) failure ??= error.message })
  outgoing.once('finish', () => enter('preparation'))
  const sent = write()
  const over = read().catch(error => { if (!isClosed) failure ??= (error as Error).message })

  async function write (): Promise<void> {
    if (pieces === undefined) {
      outgoing.end(bytes)
      return
    }
    const size = Math.ceil(bytes.length / PIECES)
    for (let piece = 0; piece < pieces; piece++) {
      outgoing.write(bytes.subarray(piece * size, (piece + 1) * size))
      await sleep(PIECE_PAUSE_MS)
    }
  }

  async function read (): Promise<void> {
    const closed = once(outgoing, 'close').then(() => null)
    const head = once(outgoing, 'response').then(([response]) => response as IncomingMessage)
    head.catch(() => {})
    const response = await Promise.race([head, closed])
    if (response === null) return
    if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`)
    for await (const { event, data } of readSse(response)) {
      if (event === 'image' && ++receipts === images) {
        enter('encoding')
        if (isKnown) enter('prefill')
      }
      if (event === 'token') enter('decoding')
      if (event === 'error') throw new Error(data)
      if (event !== 'progress') continue
      const { stage, done, total } = JSON.parse(data) as { stage: string, done: number, total: number }
      if (stage !== 'encode') continue
      onEncoded?.()
      if (done === total) {
        enter('encoding')
        enter('prefill')
      }
    }
  }

  return {
    at,
    sent,
    over,
    get failure () { return failure },
    phase: () => PHASES.findLast(phase => at[phase] !== undefined)!,
    async reach (phase) {
      if (at[phase] !== undefined) return
      const ended = over.then(() => { throw new Error(`The request ended before its ${phase}: ${failure}`) })
      await Promise.race([once(reached, phase), ended])
      ended.catch(() => {})
    },
    close () {
      isClosed = true
      const now = process.hrtime.bigint()
      outgoing.destroy()
      return now
    }
  }
}
