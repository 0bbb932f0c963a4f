import { availableParallelism } from 'node:os'
import { untilAborted } from '../abort.ts'
import { createGate, type Gate } from '../gate.ts'
import type { ImageFile, ImageHeader } from './inspect.ts'
import type { Size } from './plan.ts'
import { prepareImage, type PreparedImage } from './prepare.ts'

export interface PrepareJob {
  file: ImageFile
  header: ImageHeader
  /** Pixels, from the plan. */
  target: Size
}

/** Prepares images in parallel, within one limit for the whole process. */
export interface Preparer {
  /**
   * Prepares an image when it is its turn, first come first served. An abort rejects at once. sharp cannot be
   * interrupted, so a preparation that has begun counts against the limit until it has really ended. It leaves no
   * output, and neither its file nor its folder has to be there any more.
   * @param callOff fires when the image is not needed: a preparation that waits is not begun, and one that has begun
   * rejects when sharp is done, with what was wrong with the image or with the reason
   * @throws the reason of the signal that fired, CorruptImageError, StorageError
   */
  prepare (job: PrepareJob, signal: AbortSignal, callOff?: AbortSignal): Promise<PreparedImage>
}

// sharp works on libuv's pool of four threads, which file reads and writes need as well: one is left to them.
const MOST_AT_ONCE = 3

/**
 * @param limit images that are decoded at the same time, over all requests
 * @param gate keeps to the limit
 */
export function createPreparer (
  limit = Math.min(availableParallelism(), MOST_AT_ONCE), gate: Gate = createGate(limit)
): Preparer {
  const latest = new WeakMap<ImageFile, Promise<unknown>>()

  return {
    async prepare ({ file, header, target }, signal, callOff) {
      const either = callOff === undefined ? signal : AbortSignal.any([signal, callOff])
      // Both would write the same output.
      const before = latest.get(file)
      if (before) await untilAborted(before, either)
      return await gate.run(() => {
        const image = prepareImage(file, header, target, either)
        latest.set(file, image.then(() => {}, () => {}))
        return image
      }, signal, callOff)
    }
  }
}
