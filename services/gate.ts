import { setMaxListeners } from 'node:events'
import PQueue from 'p-queue'
import { untilAborted } from './abort.ts'

/**
 * Bounds how many tasks run at the same time and starts them in order. Unlike in `p-queue`, a running task keeps its
 * place after an abort, so that work with an unneeded result is bounded too.
 */
export interface Gate {
  /**
   * Runs a task when it is its turn. An abort rejects at once: a waiting task is then never started, and a running task
   * keeps its place until it has ended.
   * @param callOff keeps a waiting task from being started and does not affect a running one
   * @throws the reason of the signal that fired; whatever the task throws
   */
  run<T> (task: () => Promise<T>, signal: AbortSignal, callOff?: AbortSignal): Promise<T>
  /** Settles when no task runs or waits. */
  idle (): Promise<void>
}

/** @param limit number of tasks that run at the same time */
export function createGate (limit: number): Gate {
  const queue = new PQueue({ concurrency: limit })
  return {
    async run (task, signal, callOff) {
      const either = callOff === undefined ? signal : AbortSignal.any([signal, callOff])
      either.throwIfAborted()
      // A request passes the same signal for each of its images. Without this, Node would report a leak of listeners.
      setMaxListeners(0, signal, either)
      // For `p-queue`, an abort would also end the place of a running task, so this signal fires only before the start.
      const beforeStart = new AbortController()
      const giveUp = () => beforeStart.abort(either.reason)
      either.addEventListener('abort', giveUp, { once: true })
      const outcome = queue.add(async () => {
        either.removeEventListener('abort', giveUp)
        return await task()
      }, { signal: beforeStart.signal })
      return await untilAborted(outcome, signal)
    },
    idle: async () => await queue.onIdle()
  }
}
