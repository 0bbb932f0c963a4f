import { CorruptImageError, withDetails } from '../../errors/catalogue.ts'
import type { PreparedImage } from './prepare.ts'
import type { PrepareJob, Preparer } from './preparer.ts'

/** The same job, done while the request was still arriving. Its size is that of the image alone. */
export interface Anticipated {
  job: PrepareJob
  image: Promise<PreparedImage>
  /** Nobody needs it: it is not begun, or its outcome is not kept. */
  cancel (): void
}

/** Why an image was not prepared when nothing was wrong with it. */
export const CALLED_OFF = new Error('The rest of the request is called off')

/** The images of one request on their way from the upload to the engine: each is prepared at most once, and when one fails everything else is called off. */
export class Preparation {
  readonly #preparer: Preparer
  readonly #jobs: PrepareJob[]
  readonly #anticipated: Array<Anticipated | undefined>
  readonly #stop: AbortController
  readonly #signal: AbortSignal
  #images = new Map<number, Promise<PreparedImage>>()

  /**
   * @param stop ends what else is done for the request; aborted when an image fails, and at the end
   * @param signal fires when the request is over for other reasons
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
   * The prepared image; the first call begins with it.
   * @throws CorruptImageError with its index, StorageError; the reason of the signal
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
   * Calls off what has not begun and waits for the rest. Once the request's signal has fired it waits for nothing; see
   * `Preparer.prepare` for what still runs then. Never rejects.
   */
  async end (): Promise<void> {
    this.#stop.abort(CALLED_OFF)
    for (const early of this.#anticipated) early?.cancel()
    await Promise.allSettled(this.#images.values())
  }

  /**
   * When several fail it depends on chance which is known first; this is the one that stands first.
   * @returns undefined when none failed for a reason of its own
   */
  async firstFailure (): Promise<unknown> {
    const images = [...this.#images].sort(([a], [b]) => a - b).map(([, image]) => image)
    const outcomes = await Promise.allSettled(images)
    const notTheirOwn = [CALLED_OFF, this.#stop.signal.reason, this.#signal.reason]
    return outcomes.find((outcome): outcome is PromiseRejectedResult => {
      return outcome.status === 'rejected' && !notTheirOwn.includes(outcome.reason)
    })?.reason
  }

  async #prepare (index: number): Promise<PreparedImage> {
    const job = this.#jobs[index]!
    const early = this.#anticipated[index]
    if (early) {
      const { width, height } = early.job.target
      // All images together have less room than this one had alone.
      if (width !== job.target.width || height !== job.target.height) early.cancel()
      try {
        const image = await early.image
        if (image.width === job.target.width && image.height === job.target.height) return image
      } catch (error) {
        // It was thought to be known to the engine, or has the wrong size.
        if (error !== CALLED_OFF) throw error
      }
    }
    return await this.#preparer.prepare(job, this.#signal, this.#stop.signal)
  }
}
