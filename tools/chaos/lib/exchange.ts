import { connect } from 'node:net'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAnswerReader, type Answer } from './answers.ts'

/** The behaviour of a client on one connection. */
export interface Sending {
  /** One request, or several in a row. */
  bytes: Buffer
  /** Number of expected answers. */
  answers: number
  /** Sends pieces of this size with a pause after each. By default everything is sent at once. */
  pace?: { bytes: number, pauseMs: number }
  /** Offset from which bytes are sent only after `100 Continue`. */
  waitAt?: number
  /** Reads nothing for this time after everything is sent. */
  deafMs?: number
  cut?: Cut
}

/**
 * The end that a client causes. It happens after `count` bytes of its request, events of the answer, or milliseconds
 * since everything was sent. The client closes or resets the connection, or closes only its own side.
 */
export interface Cut { after: 'bytes' | 'events' | 'ms', count: number, how: 'close' | 'reset' | 'half' }

/** The result of a connection. */
export interface Exchange {
  answers: readonly Answer[]
  /**
   * The side that ended an incomplete exchange. `refused`: no connection was established; `nobody`: the exchange hung
   * until a timeout.
   */
  cut: 'client' | 'service' | 'refused' | 'nobody' | null
  /** Number of bytes after the last answer. */
  surplus: number
  sent: number
  /** On the clock of `Date.now()`. */
  startedAt: number
  endedAt: number
}

/** Timeout of an exchange, above all timeouts of the service with its settings here. */
const PATIENCE_MS = 60_000
const PIECE = 64 * 1024
/** Time in which surplus bytes may arrive after the last answer. */
const SURPLUS_MS = 15

/**
 * Sends requests and reads answers on a new connection. Never rejects.
 * @param onConnected called with the client's port, which the service's log contains
 */
export async function exchange (
  port: number, { bytes, answers, pace, waitAt, deafMs = 0, cut }: Sending,
  onConnected: (port: number) => void = () => {}
): Promise<Exchange> {
  const startedAt = Date.now()
  const reader = createAnswerReader(answers)
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  let sent = 0
  let left = false
  let refused = false
  let completeAt: number | null = null
  const over = new AbortController()
  const pause = async (ms: number) => { await sleep(ms, undefined, { signal: over.signal }).catch(() => {}) }
  const closed = new Promise<void>(resolve => socket.once('close', () => {
    reader.close()
    over.abort()
    resolve()
  }))
  socket.on('error', (error: NodeJS.ErrnoException) => { refused = error.code === 'ECONNREFUSED' })
  socket.on('data', chunk => {
    reader.push(chunk)
    if (cut?.after === 'events' && reader.events >= cut.count) leave(cut)
    if (reader.complete < answers || completeAt !== null) return
    completeAt = Date.now()
    setTimeout(() => socket.destroy(), SURPLUS_MS)
  })
  if (deafMs > 0) socket.pause()
  socket.once('connect', () => {
    onConnected(socket.localPort!)
    void send()
  })

  function leave ({ how }: Cut): void {
    if (left || completeAt !== null) return
    left = true
    if (how === 'half') socket.end()
    else if (how === 'reset') socket.resetAndDestroy()
    else socket.destroy()
  }

  async function send (): Promise<void> {
    const end = cut?.after === 'bytes' ? Math.min(cut.count, bytes.length) : bytes.length
    // The rest need not be sent when all answers are complete.
    const isWanted = () => completeAt === null && !over.signal.aborted
    while (sent < end && isWanted()) {
      const stop = waitAt !== undefined && sent < waitAt ? Math.min(waitAt, end) : end
      const piece = bytes.subarray(sent, Math.min(sent + (pace?.bytes ?? PIECE), stop))
      sent += piece.length
      if (!socket.write(piece)) await once(socket, 'drain', { signal: over.signal }).catch(() => {})
      if (sent === waitAt) while (!reader.continued && isWanted()) await pause(1)
      if (pace) await pause(pace.pauseMs)
    }
    if (cut?.after === 'bytes') leave(cut)
    if (deafMs > 0) {
      await pause(deafMs)
      socket.resume()
    }
    if (cut?.after !== 'ms') return
    await pause(cut.count)
    leave(cut)
  }

  const patience = setTimeout(() => socket.destroy(), PATIENCE_MS)
  await closed
  clearTimeout(patience)
  const endedAt = completeAt ?? Date.now()
  const who = refused ? 'refused' : left ? 'client' : endedAt - startedAt >= PATIENCE_MS ? 'nobody' : 'service'
  return {
    answers: reader.answers,
    cut: reader.complete >= answers ? null : who,
    surplus: reader.surplus,
    sent,
    startedAt,
    endedAt
  }
}
