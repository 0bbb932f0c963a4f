import { availableParallelism } from 'node:os'
import type { ImageFile, ImageHeader } from './inspect.ts'
import type { Size } from './plan.ts'
import { prepareImage, type PreparedImage } from './prepare.ts'

export interface PrepareJob {
  file: ImageFile
  header: ImageHeader
  /** Pixels, from the plan. */
  target: Size
}

/** Prepares pictures side by side, within one limit for the whole process. */
export interface Preparer {
  /**
   * Prepares a picture when it is its turn, first come first served. Settles only when nothing of it runs any more, so that its
   * folder may be removed.
   * @throws `signal.reason`, CorruptImageError, StorageError
   */
  prepare (job: PrepareJob, signal: AbortSignal): Promise<PreparedImage>
}

// sharp works on libuv's pool of four threads, which file reads and writes need as well: one is left to them.
const MOST_AT_ONCE = 3

/** @param limit pictures that are decoded at the same time, over all requests */
export function createPreparer (limit = Math.min(availableParallelism(), MOST_AT_ONCE)): Preparer {
  const gate = createGate(limit)
  return {
    prepare: async ({ file, header, target }, signal) => await gate.run(() => prepareImage(file, header, target, signal), signal)
  }
}

interface Gate {
  /** Runs the task when it is its turn, first come first served; `signal` takes it out of the queue. */
  run<T> (task: () => Promise<T>, signal: AbortSignal): Promise<T>
}

function createGate (limit: number): Gate {
  let free = limit
  const queue = new Set<() => void>()

  async function enter (signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (free > 0) {
      free--
      return
    }
    await new Promise<void>((resolve, reject) => {
      const go = (): void => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const leave = (): void => {
        queue.delete(go)
        reject(signal.reason)
      }
      queue.add(go)
      signal.addEventListener('abort', leave, { once: true })
    })
  }

  function leave (): void {
    const [next] = queue
    if (next === undefined) {
      free++
      return
    }
    // The place goes from hand to hand, so that nobody slips in between.
    queue.delete(next)
    next()
  }

  return {
    async run (task, signal) {
      await enter(signal)
      try {
        return await task()
      } finally {
        leave()
      }
    }
  }
}
