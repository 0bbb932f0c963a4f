import { availableParallelism } from 'node:os'
import { untilAborted } from '../abort.ts'
import { createGate, type Gate } from '../gate.ts'
import type { ImageFile, ImageHeader } from './inspect.ts'
import type { Size } from './plan.ts'
import { prepareImage, type PreparedImage } from './prepare.ts'

/** An image to prepare. */
export interface PrepareJob {
  file: ImageFile
  header: ImageHeader
  /** Size in pixels that the plan gives the image. */
  size: Size
}

/** Prepares images in parallel. One limit applies to all requests of the process. */
export interface Preparer {
  /**
   * Prepares an image. Calls start in the order in which they arrive.
   *
   * sharp cannot be interrupted. After an abort by `signal` the promise rejects at once, while sharp continues and
   * counts against the limit until it has finished. The caller may remove the file and its folder in the meantime, and
   * no output remains.
   *
   * @param callOff fires when the image is not needed. A preparation that waits does not start. One that runs rejects
   *   when sharp has finished, either with the error of the image or with the reason.
   * @throws the reason of the signal that fired, CorruptImageError, StorageError
   */
  prepare (job: PrepareJob, signal: AbortSignal, callOff?: AbortSignal): Promise<PreparedImage>
}

/** sharp uses libuv's pool of four threads. One thread stays free for reading and writing files. */
const MOST_AT_ONCE = 3

/**
 * Creates the preparer of the process.
 * @param limit maximum number of images that are decoded at the same time, over all requests
 * @param gate enforces the limit
 * @example
 * const preparer = createPreparer()
 * const { path } = await preparer.prepare({ file, header, size }, request.signal)
 */
export function createPreparer (
  limit = Math.min(availableParallelism(), MOST_AT_ONCE), gate: Gate = createGate(limit)
): Preparer {
  const latest = new WeakMap<ImageFile, Promise<unknown>>()

  return {
    async prepare ({ file, header, size }, signal, callOff) {
      const either = callOff === undefined ? signal : AbortSignal.any([signal, callOff])
      // Two preparations of one file would write the same output.
      const before = latest.get(file)
      if (before) await untilAborted(before, either)
      return await gate.run(() => {
        const image = prepareImage(file, header, size, either)
        latest.set(file, image.then(() => {}, () => {}))
        return image
      }, signal, callOff)
    }
  }
}
