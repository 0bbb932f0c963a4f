import type { PlannedRequest } from '../plan.ts'
import type { LogLine } from '../service.ts'
import { LIMITS } from '../settings.ts'

/** A connection with one request, or with several in a row. */
export interface Entry {
  request: PlannedRequest
  startedAt: number
  /** Null while the connection is open. */
  endedAt: number | null
  /** Number of its requests that the service's log has mentioned. */
  begun: number
}

/** How long a request's log lines, files and slot may outlast its connection. */
export const GRACE_MS = 1_000
/** The service reads a smaller request while it waits for a slot, so it notices at once that the client has left. */
const SMALL_BYTES = 16 * 1024
/** Log messages that appear at most once for each request. */
const ONCE = ['incoming request', 'request completed', 'temporary files cleaned up']

/** The requests of the current round, found by the client's port and by the id in the service's log. */
export class RequestBook {
  readonly #entries: Entry[] = []
  readonly #byPort = new Map<number, Entry>()
  readonly #byId = new Map<string, { entry: Entry, lines: Set<string> }>()

  begin (request: PlannedRequest): Entry {
    const entry: Entry = { request, startedAt: Date.now(), endedAt: null, begun: 0 }
    this.#entries.push(entry)
    return entry
  }

  /** @param port the client's port, which the log contains */
  connected (entry: Entry, port: number): void {
    this.#byPort.set(port, entry)
  }

  /** @param id a request id of the service */
  entryOf (id: string | undefined): Entry | null {
    return id === undefined ? null : this.#byId.get(id)?.entry ?? null
  }

  /**
   * Assigns a line of the log to its request.
   * @returns a violation if a line appears twice that must appear once, or null
   */
  follow (line: LogLine, id: string): string | null {
    if (line.msg === 'incoming request') {
      const entry = this.#byPort.get((line.req as { remotePort: number }).remotePort)
      // A later connection may have the same port, for example one of the checker itself.
      if (entry && line.time - (entry.endedAt ?? Infinity) <= GRACE_MS) {
        entry.begun++
        this.#byId.set(id, { entry, lines: new Set() })
      }
    }
    const known = this.#byId.get(id)
    if (!known) return null
    const isRepeated = ONCE.includes(line.msg) && known.lines.has(line.msg)
    known.lines.add(line.msg)
    return isRepeated ? `the log contains twice: ${line.msg} (${id})` : null
  }

  /**
   * The service must stop working on a request when its connection ends, even in the queue.
   * @param excusedUntil end of the time in which a fault or a stall may have delayed the service
   * @returns a violation, or null
   */
  lateLine ({ msg, time }: LogLine, id: string, excusedUntil: number): string | null {
    const entry = this.entryOf(id)
    if (entry === null || entry.endedAt === null || !isSmall(entry)) return null
    const late = time - Math.max(entry.endedAt, excusedUntil)
    return late <= GRACE_MS ? null : `the request continues ${late} ms after its connection ended: ${msg} (${id})`
  }

  /** Requests whose connection was open at any time between two moments. */
  inFlight (from: number, to: number): PlannedRequest[] {
    const open = this.#entries.filter(({ startedAt, endedAt }) => startedAt <= to && (endedAt ?? Infinity) >= from)
    return [...new Set(open.map(({ request }) => request))]
  }

  /** Largest number of requests that the service may know: those of connections that are open or closed recently. */
  presentSince (time: number): number {
    const graceOf = (entry: Entry) => isSmall(entry) ? GRACE_MS : GRACE_MS + LIMITS.queueTimeoutS * 1000
    return this.#entries
      .filter(entry => (entry.endedAt ?? Infinity) > time - graceOf(entry))
      .reduce((sum, { request }) => sum + request.sending.answers, 0)
  }

  clear (): void {
    this.#entries.length = 0
    this.#byPort.clear()
    this.#byId.clear()
  }
}

function isSmall ({ request: { sending } }: Entry): boolean {
  return sending.bytes.length / sending.answers < SMALL_BYTES
}
