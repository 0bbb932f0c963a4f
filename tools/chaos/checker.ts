import { setTimeout as sleep } from 'node:timers/promises'
import { GrowthBook } from './books/growth.ts'
import { complaintOf } from './books/log-book.ts'
import { StallBook } from './books/stalls.ts'
import { listUploads } from './books/uploads.ts'
import { Windows } from './books/windows.ts'
import { CUT_BY_SERVICE, endingsOf, NOT_ACCEPTED } from './lib/ending.ts'
import { exchange, type Exchange } from './lib/exchange.ts'
import { getRequest } from './lib/http.ts'
import type { PlannedRequest } from './plan.ts'
import { LIMITS } from './settings.ts'
import type { LogLine, Service, Stall } from './service.ts'

export interface Violation {
  /** The request that it belongs to; null where none does. */
  request: number | null
  what: string
}

/** A connection with one request, or several in a row. */
export interface Entry {
  request: PlannedRequest
  startedAt: number
  /** Null while it goes on. */
  endedAt: number | null
  /** How many of its requests the service's log has begun with. */
  begun: number
}

interface Status {
  slots: { total: number, taken: number, free: number }
  queue: { length: number, size: number }
  uploads: { folders: number }
}

export interface CheckerOptions {
  service: Service
  uploadDir: string
  slots: number
  onViolation (violation: Violation): void
}

/** How long after its request a file may be there, and a slot taken. */
const GRACE_MS = 1_000
const LOOK_MS = 100
/** A line of the log may come later than the end of the connection that it tells of. */
const LOG_LAG_MS = 200
/** Sockets that were closed a moment ago are gone by then. */
const SETTLE_MS = 200
/** The service reads on while such a request waits for a slot, and so notices at once that its client has left. */
const SMALL_BYTES = 16 * 1024
/** Right whatever is asked, where there is no room for it. */
const NO_ROOM = ['error 429 SERVER_BUSY', 'error 503 QUEUE_TIMEOUT', 'error 503 OVERLOADED']

/**
 * Keeps the books: each request has one ending, and a right one; slots, files, memory and handles come back; the log has nothing to
 * complain of. What is wrong is told as a violation, once.
 */
export class Checker {
  readonly windows = new Windows()
  readonly growth = new GrowthBook()
  readonly stalls = new StallBook()
  readonly violations: Violation[] = []
  /** How often each ending came, by kind of request. */
  readonly endings = new Map<string, Map<string, number>>()
  requests = 0
  mostSlotsTaken = 0
  longestLeftoverMs = 0
  readonly #options: CheckerOptions
  /** The requests of this round. */
  readonly #entries: Entry[] = []
  readonly #byPort = new Map<number, Entry>()
  readonly #byId = new Map<string, { entry: Entry, lines: Set<string> }>()
  readonly #told = new Set<string>()
  #lastEnd = 0
  #timer: NodeJS.Timeout | undefined
  #asking: Promise<void> | null = null
  /** Our own question would be counted among the service's sockets. */
  #isMeasuring = false

  constructor (options: CheckerOptions) {
    this.#options = options
  }

  violation (what: string, request: number | null = null): void {
    const key = `${request} ${what}`
    if (this.#told.has(key)) return
    this.#told.add(key)
    const violation = { request, what }
    this.violations.push(violation)
    this.#options.onViolation(violation)
  }

  begin (request: PlannedRequest): Entry {
    this.requests++
    const entry: Entry = { request, startedAt: Date.now(), endedAt: null, begun: 0 }
    this.#entries.push(entry)
    return entry
  }

  /** @param port the client's, by which the log names it */
  connected (entry: Entry, port: number): void {
    this.#byPort.set(port, entry)
  }

  /** Judges how the requests of a connection ended. Returns the endings' names. */
  async end (entry: Entry, exchange: Exchange): Promise<string[]> {
    const { request } = entry
    const { number, right, sending, text } = request
    entry.endedAt = exchange.endedAt
    this.#lastEnd = Math.max(this.#lastEnd, exchange.endedAt)
    const endings = await endingsOf(exchange, sending.answers)
    if (exchange.cut === 'service') await sleep(LOG_LAG_MS)
    for (const ending of endings.slice(entry.begun)) if (ending.name === CUT_BY_SERVICE) ending.name = NOT_ACCEPTED
    const name = nameOf(request)
    for (const ending of endings) {
      this.#count(request.kind, ending.name)
      const isRight = matches(ending.name, right) || matches(ending.name, NO_ROOM) ||
        this.windows.excuse(ending.name, exchange.startedAt, exchange.endedAt)
      if (!isRight) {
        this.violation(`${name} ended as "${ending.name}" after ${exchange.endedAt - exchange.startedAt} ms; right would be ${right.join(
        ' or '
      )}${ending.requestId ? ` (${ending.requestId})` : ''}`, number)
      }
      if (ending.fault) this.violation(`${name} ended as "${ending.name}" with ${ending.fault}`, number)
      const isWhole = ending.name === 'answer' || ending.name === 'stream'
      if (isWhole && text !== undefined && ending.text !== text) {
        this.violation(
        `${name} was answered ${JSON.stringify(ending.text)}; right would be ${JSON.stringify(text)}`, number
        )
      }
    }
    return endings.map(ending => ending.name)
  }

  onLine (line: LogLine): void {
    const complaint = complaintOf(line, this.windows)
    const { msg, reqId } = line
    if (reqId !== undefined) {
      this.#follow(line, reqId)
      this.#checkIsOver(line, reqId)
    }
    if (complaint !== null) {
      this.violation(complaint, reqId === undefined ? null : this.#byId.get(reqId)?.entry.request.number ?? null)
    }
    if (msg === 'unexpected error, shutting down') this.violation('an error or a rejection that nobody handled')
  }

  /** Names the requests that were in flight: one of them may be the cause. */
  onStall (stall: Stall): void {
    const fault = this.stalls.add(stall)
    if (fault === null) return
    const from = stall.at - stall.wallMs
    const wasInFlight = ({ startedAt, endedAt }: Entry) => startedAt <= stall.at && (endedAt ?? Infinity) >= from
    const requests = [...new Set(this.#entries.filter(wasInFlight).map(({ request }) => request))]
    const names = requests.map(request => `${request.number} (${nameOf(request)})`).join(', ')
    this.violation(`${fault}; in flight: ${names || 'none'}`, requests.length === 1 ? requests[0]!.number : null)
  }

  onStray (text: string): void {
    this.violation(`the service writes: ${text}`)
  }

  /** A line that comes once for a request must not come twice. */
  #follow (line: LogLine, id: string): void {
    if (line.msg === 'incoming request') {
      const entry = this.#byPort.get((line.req as { remotePort: number }).remotePort)
      // Another connection may have the same port later, also one of the checker's own.
      if (entry && line.time - (entry.endedAt ?? Infinity) <= GRACE_MS) {
        entry.begun++
        this.#byId.set(id, { entry, lines: new Set() })
      }
    }
    const known = this.#byId.get(id)
    if (!known) return
    const isOnce = ['incoming request', 'request completed', 'temporary files cleaned up'].includes(line.msg)
    if (isOnce && known.lines.has(line.msg)) {
      this.violation(`the log says twice: ${line.msg} (${id})`, known.entry.request.number)
    }
    known.lines.add(line.msg)
  }

  /** Nothing must go on for a connection that has ended, not even in the queue. */
  #checkIsOver ({ msg, time }: LogLine, id: string): void {
    const entry = this.#byId.get(id)?.entry
    if (!entry || entry.endedAt === null || !isSmall(entry)) return
    const late = time - Math.max(entry.endedAt, this.windows.stalledUntil(), this.stalls.lastAt)
    if (late <= GRACE_MS) return
    this.violation(`it goes on ${late} ms after its connection ended: ${msg} (${id})`, entry.request.number)
  }

  /** Looks at slots and files from now on. */
  watch (): void {
    this.#timer = setInterval(() => {
      this.#lookAtFiles()
      if (this.#asking !== null || this.#isMeasuring) return
      this.#asking = this.#lookAtSlots().finally(() => { this.#asking = null })
    }, LOOK_MS)
  }

  stop (): void {
    clearInterval(this.#timer)
  }

  #lookAtFiles (): void {
    const now = Date.now()
    const stalled = this.windows.stalledUntil()
    const { pid } = this.#options.service
    const { folders, strangers } = listUploads(this.#options.uploadDir)
    for (const name of strangers) this.violation(`in the upload folder lies ${name}`)
    for (const folder of folders) {
      if (folder.pid !== pid && now - stalled > GRACE_MS) {
        this.violation(`the folder of a dead process was not swept: ${folder.name}`)
      }
      const entry = this.#byId.get(folder.requestId)?.entry
      if (!entry || entry.endedAt === null) continue
      const late = now - Math.max(entry.endedAt, stalled)
      this.longestLeftoverMs = Math.max(this.longestLeftoverMs, late)
      if (late > GRACE_MS) {
        this.violation(`its files outlive it by more than ${GRACE_MS} ms (${folder.requestId})`, entry.request.number)
      }
    }
  }

  async #lookAtSlots (): Promise<void> {
    const askedAt = Date.now()
    const status = await this.#status()
    if (status === null) return
    const { total, taken, free } = status.slots
    this.mostSlotsTaken = Math.max(this.mostSlotsTaken, taken)
    if (taken > this.#options.slots || total !== this.#options.slots) {
      this.violation(`${taken} of ${total} slots are taken, the limit is ${this.#options.slots}`)
    }
    if (taken + free !== total || free < 0) this.violation(`${taken} slots taken and ${free} free are not ${total}`)
    if (status.queue.length > status.queue.size) {
      this.violation(`${status.queue.length} requests wait in a queue of ${status.queue.size}`)
    }
    const present = this.#presentSince(askedAt)
    const isStalled = askedAt - Math.max(this.windows.stalledUntil(), this.stalls.lastAt) <= GRACE_MS
    if (!isStalled && taken + status.queue.length > present) {
      const held = `${taken} requests have a slot and ${status.queue.length} wait for one`
      this.violation(`${held}, but clients are there for ${present} requests at most`)
    }
  }

  /** How many requests the service may know of: those of connections that are open, or were a moment ago. */
  #presentSince (time: number): number {
    const graceOf = (entry: Entry) => isSmall(entry) ? GRACE_MS : GRACE_MS + LIMITS.queueTimeoutS * 1000
    return this.#entries
      .filter(entry => (entry.endedAt ?? Infinity) > time - graceOf(entry))
      .reduce((sum, { request }) => sum + request.sending.answers, 0)
  }

  /** Null while the service does not answer. */
  async #status (): Promise<Status | null> {
    const { answers: [answer] } =
      await exchange(this.#options.service.port, { bytes: getRequest('/api/status'), answers: 1 })
    return answer?.complete && answer.status === 200 ? JSON.parse(answer.body.toString()) : null
  }

  /** Nothing has been running since the last request ended: everything has to be as it was. */
  async atRest (): Promise<void> {
    const wrong = async (): Promise<string | null> => {
      const status = await this.#status()
      const { folders, strangers } = listUploads(this.#options.uploadDir)
      const left = folders.length + strangers.length
      if (status === null) return 'the service does not answer'
      if (status.slots.taken === 0 && status.queue.length === 0 && status.uploads.folders === 0 && left === 0) {
        return null
      }
      return `${status.slots.taken} slots are taken, ${status.queue.length} requests wait, ${status.uploads.folders} folders are known and ${left} are there`
    }
    let fault = await wrong()
    while (fault !== null && Date.now() - Math.max(this.#lastEnd, this.windows.stalledUntil()) <= GRACE_MS) {
      await sleep(LOOK_MS / 2)
      fault = await wrong()
    }
    if (fault !== null) this.violation(`after the round up to request ${this.requests} nothing runs, but ${fault}`)
    this.#isMeasuring = true
    await this.#asking
    await sleep(SETTLE_MS)
    await this.growth.measure(this.#options.service, this.requests)
    this.#isMeasuring = false
    // Whatever of these is still talked of has been told.
    this.#entries.length = 0
    this.#byPort.clear()
    this.#byId.clear()
  }

  #count (kind: string, ending: string): void {
    const counts = this.endings.get(kind) ?? new Map<string, number>()
    counts.set(ending, (counts.get(ending) ?? 0) + 1)
    this.endings.set(kind, counts)
  }
}

function isSmall ({ request: { sending } }: Entry): boolean {
  return sending.bytes.length / sending.answers < SMALL_BYTES
}

function nameOf ({ kind, detail }: PlannedRequest): string {
  return detail === undefined ? kind : `${kind}: ${detail}`
}

function matches (ending: string, right: readonly string[]): boolean {
  return right.some(pattern => pattern.endsWith('*') ? ending.startsWith(pattern.slice(0, -1)) : ending === pattern)
}
