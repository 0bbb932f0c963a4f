import { CorruptImageError, withDetails } from '../../errors/catalogue.ts'
import type { PreparedImage } from './prepare.ts'
import type { PrepareJob, Preparer } from './preparer.ts'

/**
 * A preparation that started while the rest of the request was still arriving. Its size is the one that the image would
 * have alone, so it can differ from the size in the plan.
 */
export interface Anticipated {
  job: PrepareJob
  image: Promise<PreparedImage>
  /**
   * Cancels the preparation, and the early encoding of its result. If the preparation has not started, it never does.
   * Otherwise its result is discarded.
   */
  cancel (): void
}

/** The abort reason of a preparation that was cancelled although its image has no fault. */
export const CALLED_OFF = new Error('The preparation was cancelled')

/**
 * Prepares the images of one request. Each image is prepared at most once. When one image fails, the others are
 * cancelled.
 *
 * @example
 * const preparation = new Preparation(preparer, jobs, [], new AbortController(), request.signal)
 * try {
 *   const { path } = await preparation.image(0)
 * } finally {
 *   await preparation.end()
 * }
 */
export class Preparation {
  readonly #preparer: Preparer
  readonly #jobs: PrepareJob[]
  readonly #anticipated: Array<Anticipated | undefined>
  readonly #stop: AbortController
  readonly #signal: AbortSignal
  #images = new Map<number, Promise<PreparedImage>>()

  /**
   * @param jobs the images of the request, with their sizes in the plan
   * @param anticipated the preparation of each image that started early, by the index of the image
   * @param stop aborted by this class when an image fails, and by `end`; also ends other work of the request
   * @param signal fires when the request ends early for another reason
   */
  constructor (
    preparer: Preparer, jobs: PrepareJob[], anticipated: Array<Anticipated | undefined>, stop: AbortController,
    signal: AbortSignal
  ) {
    this.#preparer = preparer
    this.#jobs = jobs
    this.#anticipated = anticipated
    this.#stop = stop
    this.#signal = signal
  }

  /**
   * Returns the prepared image. The first call for an index starts its preparation.
   * @throws CorruptImageError with the index in `details.image`, StorageError, the reason of `signal` or `stop`
   */
  async image (index: number): Promise<PreparedImage> {
    let image = this.#images.get(index)
    if (!image) {
      image = this.#prepare(index).catch(error => {
        this.#stop.abort(CALLED_OFF)
        for (const early of this.#anticipated) early?.cancel()
        throw error instanceof CorruptImageError ? withDetails(error, { image: index }) : error
      })
      this.#images.set(index, image)
    }
    return await image
  }

  /**
   * Cancels preparations that have not started and waits for the others. After an abort of the request it waits for
   * nothing; sharp may still run then (see `Preparer.prepare`). Never rejects.
   */
  async end (): Promise<void> {
    this.#stop.abort(CALLED_OFF)
    for (const early of this.#anticipated) early?.cancel()
    await Promise.allSettled(this.#images.values())
  }

  /**
   * Returns the error of the first image, by index, that failed by itself and was not cancelled because of another
   * failure. The order in which images fail varies, so this makes the reported error deterministic.
   * @returns undefined if no image failed by itself
   */
  async firstFailure (): Promise<unknown> {
    const images = [...this.#images].sort(([a], [b]) => a - b).map(([, image]) => image)
    const outcomes = await Promise.allSettled(images)
    const commonReasons = [CALLED_OFF, this.#stop.signal.reason, this.#signal.reason]
    return outcomes.find((outcome): outcome is PromiseRejectedResult => {
      return outcome.status === 'rejected' && !commonReasons.includes(outcome.reason)
    })?.reason
  }

  async #prepare (index: number): Promise<PreparedImage> {
    const job = this.#jobs[index]!
    const early = this.#anticipated[index]
    if (early) {
      const { width, height } = early.job.size
      // The images share a budget, so the plan can have a smaller size.
      if (width !== job.size.width || height !== job.size.height) early.cancel()
      try {
        const image = await early.image
        if (image.width === job.size.width && image.height === job.size.height) return image
      } catch (error) {
        // A cancelled preparation starts again: the size was wrong, or the engine evicted the embedding meanwhile.
        if (error !== CALLED_OFF) throw error
      }
    }
    return await this.#preparer.prepare(job, this.#signal, this.#stop.signal)
  }
}
