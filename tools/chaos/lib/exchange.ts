import { connect } from 'node:net'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAnswerReader, type Answer } from './answers.ts'

/** What a client does on one connection. */
export interface Sending {
  /** One request, or several in a row. */
  bytes: Buffer
  /** How many answers are to come. */
  answers: number
  /** Sends so many bytes at a time, with a pause after each; all at once by default. */
  pace?: { bytes: number, pauseMs: number }
  /** What stands from here on is sent only after `100 Continue`. */
  waitAt?: number
  /** Reads nothing for so long after everything was sent. */
  deafMs?: number
  cut?: Cut
}

/**
 * Where the client leaves: after so many bytes of its request, so many events of the answer, or so many milliseconds after everything
 * was sent. And how: it closes, resets the connection, or ends only its own side.
 */
export interface Cut { after: 'bytes' | 'events' | 'ms', count: number, how: 'close' | 'reset' | 'half' }

/** What came of it. */
export interface Exchange {
  answers: readonly Answer[]
  /** Who ended the connection before all answers were complete; `refused`: there was none; `nobody`: it hung until we lost patience. */
  cut: 'client' | 'service' | 'refused' | 'nobody' | null
  /** Bytes after the last answer. */
  surplus: number
  sent: number
  /** On the clock of `Date.now()`. */
  startedAt: number
  endedAt: number
}

/** A request that has not ended by then never will: above every timeout of the service as it is started here. */
const PATIENCE_MS = 60_000
const PIECE = 64 * 1024
/** How long bytes that should not be there are waited for. */
const SURPLUS_MS = 15

/**
 * Sends and reads on a connection of its own. Never rejects.
 * @param onConnected told our own port, by which the service's log names the connection
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
    // Who has its answer need not go on.
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
