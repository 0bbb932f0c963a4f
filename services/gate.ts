import { untilAborted } from './abort.ts'

/** Bounds how many tasks run at the same time. Tasks are begun in the order in which they were asked for. */
export interface Gate {
  /**
   * Runs a task when it is its turn. An abort rejects at once: a task that waits is not begun, and a task that runs
   * keeps its place until it has ended, so that work which nobody waits for any more is bounded as well.
   * @param callOff keeps a task that waits from being begun, and leaves one that runs alone
   * @throws the reason of the signal that fired; whatever the task throws
   */
  run<T> (task: () => Promise<T>, signal: AbortSignal, callOff?: AbortSignal): Promise<T>
  /** Settles when no task runs or waits. */
  idle (): Promise<void>
}

/** @param limit tasks that run at the same time */
export function createGate (limit: number): Gate {
  let free = limit
  const queue = new Set<() => void>()
  const onIdle = new Set<() => void>()

  async function enter (signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (free > 0) {
      free--
      return
    }
    await new Promise<void>((resolve, reject) => {
      const go = (): void => {
        signal.removeEventListener('abort', giveUp)
        resolve()
      }
      const giveUp = (): void => {
        queue.delete(go)
        reject(signal.reason)
      }
      queue.add(go)
      signal.addEventListener('abort', giveUp, { once: true })
    })
  }

  function leave (): void {
    const [next] = queue
    if (next === undefined) {
      if (++free < limit) return
      for (const tell of onIdle) tell()
      onIdle.clear()
      return
    }
    // The place goes from hand to hand, so that no newcomer gets in between.
    queue.delete(next)
    next()
  }

  async function begin<T> (task: () => Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      // It may have fired after the place was handed over.
      signal.throwIfAborted()
      return await task()
    } finally {
      leave()
    }
  }

  return {
    async run (task, signal, callOff) {
      const either = callOff === undefined ? signal : AbortSignal.any([signal, callOff])
      await enter(either)
      return await untilAborted(begin(task, either), signal)
    },
    async idle () {
      if (free < limit) await new Promise<void>(resolve => onIdle.add(resolve))
    }
  }
}
