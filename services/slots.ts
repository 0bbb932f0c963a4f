import { QueueTimeoutError, ServerBusyError, ShuttingDownError, type SightlineError } from '../errors/catalogue.ts'
import { createDeferred, type Deferred } from './deferred.ts'

/** The right to use the model, from admission until the request has ended and its files are removed. */
export interface Slot {
  /** 0 to size - 1. */
  readonly id: number
  /** Time in the queue in milliseconds. */
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
  /** Totals since the start: slots given, requests refused by a full queue, requests that waited too long. */
  served: number
  rejected: number
  timedOut: number
}

export interface Slots {
  /** Returns a free slot, or null if there is none or the slots are closed. */
  tryTake (): Slot | null
  /**
   * Returns a free slot at once, otherwise the next one in order of arrival.
   * @throws ServerBusyError at once if the queue is full; QueueTimeoutError; ShuttingDownError; the reason of `signal`
   */
  wait (signal?: AbortSignal): Promise<Slot>
  stats (): SlotStats
  /** True if neither a slot nor a place in the queue is free. */
  readonly full: boolean
  /** Counts a refusal and returns its error, always the same object, so that refusals are cheap. */
  refuse (): SightlineError
  /** Estimates after how many seconds a refused client should retry, 1 to 60. */
  retryAfterSeconds (): number
  /** Adds slots up to `size` and gives them to waiting requests first. Never removes slots. */
  grow (size: number): void
  /** Refuses waiting and new requests. Taken slots stay taken. */
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
/** Weight of the latest request in the moving average of the time that requests keep a slot. */
const KEPT_WEIGHT = 0.2
const RETRY_AFTER_MAX_S = 60

/** Creates a semaphore with a bounded queue and a longest wait. Taken and free slots always add up to `size`. */
export function createSlots ({ size: initialSize, queueSize, queueTimeoutMs }: SlotsOptions): Slots {
  let size = initialSize
  const free = Array.from({ length: size }, (_, index) => size - 1 - index)
  const queue = new Set<Waiter>()
  const counters = { served: 0, rejected: 0, timedOut: 0 }
  let keptMs: number | null = null
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
        const kept = performance.now() - takenAt
        keptMs = keptMs === null ? kept : keptMs + (kept - keptMs) * KEPT_WEIGHT
        handOver(id)
      }
    }
  }

  /** Gives a slot directly to the next waiting request, so that a new request cannot take it in between. */
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
    const freeSlot = tryTake()
    if (freeSlot) return freeSlot
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
      // If the signal fired after the hand-over, the caller would not release the slot.
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
      const seconds = Math.ceil((keptMs ?? 0) * (queue.size + 1) / size / 1000)
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
