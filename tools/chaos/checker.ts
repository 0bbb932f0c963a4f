import { setTimeout as sleep } from 'node:timers/promises'
import { GrowthBook } from './books/growth.ts'
import { complaintOf } from './books/log-book.ts'
import { GRACE_MS, RequestBook, type Entry } from './books/requests.ts'
import { StallBook } from './books/stalls.ts'
import { listUploads } from './books/uploads.ts'
import { Windows } from './books/windows.ts'
import { CUT_BY_SERVICE, endingsOf, NOT_ACCEPTED, type Ending } from './lib/ending.ts'
import { exchange, type Exchange } from './lib/exchange.ts'
import { getRequest } from './lib/http.ts'
import type { PlannedRequest } from './plan.ts'
import type { LogLine, Service, Stall } from './service.ts'

export interface Violation {
  /** Number of the request, or null if the violation belongs to none. */
  request: number | null
  what: string
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

const LOOK_MS = 100
/** A log line may arrive later than the end of the connection that it describes. */
const LOG_LAG_MS = 200
/** Time until recently closed sockets are gone. */
const SETTLE_MS = 200
/** Endings that are right for every request, because the service may have no room for it. */
const NO_ROOM = ['error 429 SERVER_BUSY', 'error 503 QUEUE_TIMEOUT', 'error 503 OVERLOADED']

/**
 * Checks the service during a run: every request has exactly one right ending; slots, files, memory and handles are
 * released; the log contains no error. Each violation is reported once.
 */
export class Checker {
  readonly windows = new Windows()
  readonly growth = new GrowthBook()
  readonly stalls = new StallBook()
  readonly violations: Violation[] = []
  /** Number of endings by kind of request and name of the ending. */
  readonly endings = new Map<string, Map<string, number>>()
  requests = 0
  mostSlotsTaken = 0
  longestLeftoverMs = 0
  readonly #options: CheckerOptions
  readonly #book = new RequestBook()
  readonly #reported = new Set<string>()
  #lastEnd = 0
  #timer: NodeJS.Timeout | undefined
  #asking: Promise<void> | null = null
  /** The checker's own status request would count as a socket of the service. */
  #isMeasuring = false

  constructor (options: CheckerOptions) {
    this.#options = options
  }

  violation (what: string, request: number | null = null): void {
    const key = `${request} ${what}`
    if (this.#reported.has(key)) return
    this.#reported.add(key)
    const violation = { request, what }
    this.violations.push(violation)
    this.#options.onViolation(violation)
  }

  begin (request: PlannedRequest): Entry {
    this.requests++
    return this.#book.begin(request)
  }

  /** @param port the client's port, which the log contains */
  connected (entry: Entry, port: number): void {
    this.#book.connected(entry, port)
  }

  /** Checks how the requests of a connection ended. Returns the names of their endings. */
  async end (entry: Entry, exchange: Exchange): Promise<string[]> {
    const { request } = entry
    entry.endedAt = exchange.endedAt
    this.#lastEnd = Math.max(this.#lastEnd, exchange.endedAt)
    const endings = await endingsOf(exchange, request.sending.answers)
    if (exchange.cut === 'service') await sleep(LOG_LAG_MS)
    for (const ending of endings.slice(entry.begun)) if (ending.name === CUT_BY_SERVICE) ending.name = NOT_ACCEPTED
    for (const ending of endings) {
      this.#count(request.kind, ending.name)
      this.#judge(request, ending, exchange)
    }
    return endings.map(ending => ending.name)
  }

  #judge (request: PlannedRequest, ending: Ending, { startedAt, endedAt }: Exchange): void {
    const { number, right, text } = request
    const how = `${nameOf(request)} ended as "${ending.name}"`
    const isRight = matches(ending.name, right) || matches(ending.name, NO_ROOM) ||
      this.windows.excuse(ending.name, startedAt, endedAt)
    if (!isRight) {
      const id = ending.requestId ? ` (${ending.requestId})` : ''
      this.violation(`${how} after ${endedAt - startedAt} ms; expected ${right.join(' or ')}${id}`, number)
    }
    if (ending.fault) this.violation(`${how} with ${ending.fault}`, number)
    const isComplete = ending.name === 'answer' || ending.name === 'stream'
    if (isComplete && text !== undefined && ending.text !== text) {
      const [got, expected] = [ending.text, text].map(it => JSON.stringify(it))
      this.violation(`${nameOf(request)} was answered ${got}; expected ${expected}`, number)
    }
  }

  onLine (line: LogLine): void {
    const { msg, reqId } = line
    const report = (what: string | null) => {
      if (what !== null) this.violation(what, this.#book.entryOf(reqId)?.request.number)
    }
    if (reqId !== undefined) {
      report(this.#book.follow(line, reqId))
      report(this.#book.lateLine(line, reqId, this.#excusedUntil()))
    }
    report(complaintOf(line, this.windows))
    if (msg === 'unexpected error, shutting down') this.violation('an error or a rejection was not handled')
  }

  /** Reports a stall that is too long, with the requests that were in flight: one of them may be the cause. */
  onStall (stall: Stall): void {
    const fault = this.stalls.add(stall)
    if (fault === null) return
    const requests = this.#book.inFlight(stall.at - stall.wallMs, stall.at)
    const names = requests.map(request => `${request.number} (${nameOf(request)})`).join(', ')
    this.violation(`${fault}; in flight: ${names || 'none'}`, requests.length === 1 ? requests[0]!.number : null)
  }

  onStray (text: string): void {
    this.violation(`the service wrote: ${text}`)
  }

  /** Starts to observe slots and files. `stop` ends it. */
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

  /** Returns the end of the time in which a fault or a stall may have delayed the service. */
  #excusedUntil (): number {
    return Math.max(this.windows.stalledUntil(), this.stalls.lastAt)
  }

  #lookAtFiles (): void {
    const now = Date.now()
    const stalled = this.windows.stalledUntil()
    const { pid } = this.#options.service
    const { folders, strangers } = listUploads(this.#options.uploadDir)
    for (const name of strangers) this.violation(`the upload folder contains ${name}`)
    for (const folder of folders) {
      if (folder.pid !== pid && now - stalled > GRACE_MS) {
        this.violation(`the folder of a dead process was not removed: ${folder.name}`)
      }
      const entry = this.#book.entryOf(folder.requestId)
      if (entry === null || entry.endedAt === null) continue
      const late = now - Math.max(entry.endedAt, stalled)
      this.longestLeftoverMs = Math.max(this.longestLeftoverMs, late)
      if (late > GRACE_MS) {
        const what = `its files were not removed within ${GRACE_MS} ms after its end (${folder.requestId})`
        this.violation(what, entry.request.number)
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
    const present = this.#book.presentSince(askedAt)
    const isExcused = askedAt - this.#excusedUntil() <= GRACE_MS
    if (!isExcused && taken + status.queue.length > present) {
      const counts = `${taken} requests have a slot and ${status.queue.length} wait for one`
      this.violation(`${counts}, but clients wait for at most ${present} requests`)
    }
  }

  /** Null while the service does not answer. */
  async #status (): Promise<Status | null> {
    const { answers: [answer] } =
      await exchange(this.#options.service.port, { bytes: getRequest('/api/status'), answers: 1 })
    return answer?.complete && answer.status === 200 ? JSON.parse(answer.body.toString()) : null
  }

  /** Call it when no request is running. Checks that slots and files are released, and measures memory and handles. */
  async atRest (): Promise<void> {
    let fault = await this.#faultAtRest()
    while (fault !== null && Date.now() - Math.max(this.#lastEnd, this.windows.stalledUntil()) <= GRACE_MS) {
      await sleep(LOOK_MS / 2)
      fault = await this.#faultAtRest()
    }
    if (fault !== null) this.violation(`after request ${this.requests} nothing is running, but ${fault}`)
    this.#isMeasuring = true
    await this.#asking
    await sleep(SETTLE_MS)
    await this.growth.measure(this.#options.service, this.requests)
    this.#isMeasuring = false
    this.#book.clear()
  }

  async #faultAtRest (): Promise<string | null> {
    const status = await this.#status()
    if (status === null) return 'the service does not answer'
    const { slots: { taken }, queue, uploads } = status
    const { folders, strangers } = listUploads(this.#options.uploadDir)
    const left = folders.length + strangers.length
    if (taken === 0 && queue.length === 0 && uploads.folders === 0 && left === 0) return null
    const counts = `${taken} slots are taken, ${queue.length} requests wait`
    return `${counts}, the service knows ${uploads.folders} upload folders and ${left} exist`
  }

  #count (kind: string, ending: string): void {
    const counts = this.endings.get(kind) ?? new Map<string, number>()
    counts.set(ending, (counts.get(ending) ?? 0) + 1)
    this.endings.set(kind, counts)
  }
}

function nameOf ({ kind, detail }: PlannedRequest): string {
  return detail === undefined ? kind : `${kind}: ${detail}`
}

function matches (ending: string, right: readonly string[]): boolean {
  return right.some(pattern => pattern.endsWith('*') ? ending.startsWith(pattern.slice(0, -1)) : ending === pattern)
}
