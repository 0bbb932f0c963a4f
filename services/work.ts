import type { Log } from './log.ts'
import type { Slot } from './slots.ts'
import type { RequestFolder } from './upload-store.ts'

/** Everything that a request holds while it has a slot: its files, its deadline, and what runs for it. */
export interface Work {
  readonly slot: Slot
  /** When the request was admitted, on the clock of `performance.now()`. */
  readonly startedAt: number
  /** Fires with the reason when the client leaves, time is up or the service stops. */
  readonly signal: AbortSignal
  /** Fires when `end` is called: what was begun in advance is not needed any more. */
  readonly ending: AbortSignal
  /** Where this request's files go; set once. */
  folder: RequestFolder | null
  /**
   * Runs something that uses the request's files or the engine: nothing is removed before it has settled. It has to
   * settle at once when `signal` fires: work that cannot be interrupted goes on within bounds of its own, and does
   * without the files.
   * @throws the reason of `signal` when the request is over already; the task is not begun then
   */
  run<T> (task: () => Promise<T>): Promise<T>
  abort (reason: Error): void
  /** Waits for what runs, removes the files, then frees the slot. Idempotent, never rejects. */
  end (): Promise<void>
}

export interface WorkOptions {
  slot: Slot
  log: Log
  /** The request is aborted with `timeoutError()` after this time. */
  timeoutMs: number
  timeoutError: () => Error
}

const ENDED = new Error('The request has ended')

export function createWork ({ slot, log, timeoutMs, timeoutError }: WorkOptions): Work {
  const controller = new AbortController()
  const ending = new AbortController()
  const running = new Set<Promise<unknown>>()
  const timer = setTimeout(() => controller.abort(timeoutError()), timeoutMs)
  let ended: Promise<void> | null = null
  let over = false

  async function finish (): Promise<void> {
    clearTimeout(timer)
    ending.abort(ENDED)
    // After an abort they settle at once: the preparer's limit and the engine's sequences, not slots, bound the work
    // that goes on.
    while (running.size > 0) await Promise.allSettled(running)
    over = true
    try {
      if (work.folder) log.info(await work.folder.remove(), 'temporary files cleaned up')
    } catch (error) {
      log.error({ err: error }, 'temporary files could not be removed; the next start sweeps them')
    } finally {
      slot.release()
    }
  }

  const work: Work = {
    slot,
    startedAt: performance.now(),
    signal: controller.signal,
    ending: ending.signal,
    folder: null,
    async run (task) {
      controller.signal.throwIfAborted()
      if (over) throw ENDED
      const result = task()
      running.add(result)
      try {
        return await result
      } finally {
        running.delete(result)
      }
    },
    abort: reason => controller.abort(reason),
    end () {
      ended ??= finish()
      return ended
    }
  }
  return work
}
