import { QueueTimeoutError, ServerBusyError, ShuttingDownError, type SightlineError } from '../errors/catalogue.ts'
import { createDeferred, type Deferred } from './deferred.ts'

/** The right to work with the model, held from admission until the request has ended and its files are gone. */
export interface Slot {
  /** 0 to size - 1. */
  readonly id: number
  /** How long the request was queued. */
  readonly waitedMs: number
  /** Idempotent. */
  release (): void
}

export interface SlotStats {
  size: number
  taken: number
  free: number
  queued: number
  queueSize: number
  /** Since the start: slots given, requests refused because the queue was full, requests that waited too long. */
  served: number
  rejected: number
  timedOut: number
}

export interface Slots {
  /** A slot at once, or null: none is free, or the semaphore is closed. */
  tryTake (): Slot | null
  /**
   * A slot: a free one at once, otherwise first come first served.
   * @throws ServerBusyError at once when the queue is full; QueueTimeoutError; ShuttingDownError; the reason of `signal`
   */
  wait (signal?: AbortSignal): Promise<Slot>
  stats (): SlotStats
  /** Neither a slot nor a place in the queue is free. */
  readonly full: boolean
  /** Counts a refusal and gives its error, always the same one: a busy service must not spend its time on saying so. */
  refuse (): SightlineError
  /** When somebody who was refused might try again, 1 to 60. */
  retryAfterSeconds (): number
  /** Makes more slots, for those who wait first; never fewer. */
  grow (size: number): void
  /** Refuses everybody who waits and who comes from now on; slots that are taken stay so. */
  close (): void
  readonly closed: boolean
}

export interface SlotsOptions {
  size: number
  queueSize: number
  queueTimeoutMs: number
}

interface Waiter extends Deferred<Slot> { since: number }

const BUSY = new ServerBusyError()
/** Weight of the latest request in the moving average of how long a slot is held. */
const HELD_WEIGHT = 0.2
const RETRY_AFTER_MAX_S = 60

/** A semaphore with a bounded, timed queue. Taken and free slots always add up to `size`. */
export function createSlots ({ size: initialSize, queueSize, queueTimeoutMs }: SlotsOptions): Slots {
  let size = initialSize
  const free = Array.from({ length: size }, (_, index) => size - 1 - index)
  const queue = new Set<Waiter>()
  const counters = { served: 0, rejected: 0, timedOut: 0 }
  let heldMs: number | null = null
  let closed = false

  function give (id: number, waitedMs: number): Slot {
    const takenAt = performance.now()
    let released = false
    counters.served++
    return {
      id,
      waitedMs,
      release () {
        if (released) return
        released = true
        const held = performance.now() - takenAt
        heldMs = heldMs === null ? held : heldMs + (held - heldMs) * HELD_WEIGHT
        handOver(id)
      }
    }
  }

  /** A slot goes from hand to hand while anybody waits: it is never free for a newcomer in between. */
  function handOver (id: number): void {
    const [next] = queue
    if (!next) {
      free.push(id)
      return
    }
    queue.delete(next)
    next.resolve(give(id, performance.now() - next.since))
  }

  function refuse (): SightlineError {
    counters.rejected++
    return BUSY
  }

  function tryTake (): Slot | null {
    const id = closed ? undefined : free.pop()
    return id === undefined ? null : give(id, 0)
  }

  async function wait (signal?: AbortSignal): Promise<Slot> {
    signal?.throwIfAborted()
    if (closed) throw new ShuttingDownError()
    const atOnce = tryTake()
    if (atOnce) return atOnce
    if (queue.size >= queueSize) throw refuse()
    const waiter: Waiter = { ...createDeferred<Slot>(), since: performance.now() }
    const onAbort = () => { if (queue.delete(waiter)) waiter.reject(signal?.reason) }
    const onTimeout = () => {
      if (!queue.delete(waiter)) return
      counters.timedOut++
      waiter.reject(new QueueTimeoutError(queueTimeoutMs / 1000))
    }
    const timer = setTimeout(onTimeout, queueTimeoutMs).unref()
    queue.add(waiter)
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      const slot = await waiter.promise
      // Aborted between the handing over and now: nobody would release it.
      if (signal?.aborted) {
        slot.release()
        throw signal.reason
      }
      return slot
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
  }

  function grow (to: number): void {
    while (size < to) handOver(size++)
  }

  return {
    tryTake,
    wait,
    grow,
    refuse,
    get full () { return free.length === 0 && queue.size >= queueSize },
    stats: () => ({ size, taken: size - free.length, free: free.length, queued: queue.size, queueSize, ...counters }),
    retryAfterSeconds () {
      const seconds = Math.ceil((heldMs ?? 0) * (queue.size + 1) / size / 1000)
      return Math.min(RETRY_AFTER_MAX_S, Math.max(1, seconds))
    },
    get closed () { return closed },
    close () {
      closed = true
      for (const waiter of queue) waiter.reject(new ShuttingDownError())
      queue.clear()
    }
  }
}
