/**
 * A client process that ignores Retry-After: it sends the next request at once, on each of eight connections.
 *
 *   hammer.ts <port>
 *
 * It sends 'ready' to its parent, starts at 'go', and at 'stop' sends its report and exits.
 */
import { connectRaw, type RawClient } from '../raw-client.ts'
import { jsonRequest } from './clients.ts'

export interface HammerReport {
  /** The number of answers by status. */
  statuses: Record<string, number>
  withoutRetryAfter: number
}

const CONNECTIONS = 8
const QUESTION = jsonRequest('/api/chat', { message: 'Hi' })
/** A whole answer: a head and a short JSON body. */
const ANSWER = /^HTTP\/1\.1 (\d+) [^]*?\r\n\r\n\{[^]*\}$/

const report: HammerReport = { statuses: {}, withoutRetryAfter: 0 }
const clients = await Promise.all(Array.from({ length: CONNECTIONS }, () => connectRaw(Number(process.argv[2]))))

function hammer ({ socket, send }: RawClient): void {
  let answer = ''
  socket.on('data', chunk => {
    answer += chunk.toString()
    const status = ANSWER.exec(answer)?.[1]
    if (status === undefined) return
    report.statuses[status] = (report.statuses[status] ?? 0) + 1
    if (status === '429' && !/^retry-after: \d+\r$/m.test(answer)) report.withoutRetryAfter++
    answer = ''
    send(QUESTION)
  })
  send(QUESTION)
}

process.on('message', message => {
  if (message === 'go') return clients.forEach(hammer)
  for (const { socket } of clients) socket.destroy()
  process.send!(report, () => process.exit(0))
})
process.send!('ready')
