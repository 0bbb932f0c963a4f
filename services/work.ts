import type { Log } from './log.ts'
import type { Slot } from './slots.ts'
import type { RequestFolder } from './upload-store.ts'

/** The resources of a request while it has a slot: its files, its deadline, and its running tasks. */
export interface Work {
  readonly slot: Slot
  /** Time of admission, on the clock of `performance.now()`. */
  readonly startedAt: number
  /** Fires with the reason when the client leaves, the deadline passes or the service stops. */
  readonly signal: AbortSignal
  /** Fires when `end` is called, after which speculative tasks are no longer needed. */
  readonly ending: AbortSignal
  /** The folder of the files of this request. Set once. */
  folder: RequestFolder | null
  /**
   * Runs a task that uses the files of the request or the engine. Files are removed only after it has settled. It must
   * settle at once when `signal` fires: work that cannot be interrupted needs its own limits and must tolerate missing
   * files.
   * @throws the reason of `signal` when the request is already over; the task is then not started
   */
  run<T> (task: () => Promise<T>): Promise<T>
  abort (reason: Error): void
  /** Waits for running tasks, removes the files, then releases the slot. Idempotent, never rejects. */
  end (): Promise<void>
}

export interface WorkOptions {
  slot: Slot
  log: Log
  /** Time after which the request is aborted with `timeoutError()`. */
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
    // After an abort, tasks settle at once. The preparer and the engine, not slots, bound the work that continues.
    while (running.size > 0) await Promise.allSettled(running)
    over = true
    try {
      if (work.folder) log.info(await work.folder.remove(), 'temporary files cleaned up')
    } catch (error) {
      log.error({ err: error }, 'temporary files could not be removed')
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
