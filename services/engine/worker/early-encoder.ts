import { withLock } from 'lifecycle-utils'
import type { EncodedImage } from '../../../native/vision.ts'
import { untilAborted } from '../../abort.ts'
import { createDeferred } from '../../deferred.ts'
import type { EngineImage } from '../engine.ts'
import { imageCacheKey } from '../image-index.ts'
import type { ImageCache } from './image-cache.ts'

export interface EarlyEncoderParts {
  cache: ImageCache
  encode: (image: EngineImage, signal: AbortSignal) => Promise<EncodedImage>
}

interface Job {
  key: string
  /** Ends the job because an answer needs the image and encodes it by itself. */
  drop: AbortController
  /** Interrupts the running encoding, which starts again later. Null while the job waits. */
  interrupt: AbortController | null
}

/** Maximum share of the image cache for embeddings that no answer has used yet. */
const CACHE_SHARE = 0.5
/** Each interruption discards up to a whole encoding, and running answers compute with fewer threads meanwhile. */
const MAX_TRIES = 3

const INTERRUPTED = new Error('An answer needs the encoder')
const DROPPED = new Error('An answer encodes the image')

/**
 * Encodes images of requests that are still arriving, one at a time, while no answer has images to encode. An answer
 * interrupts the encoding of an image that no running answer needs, so it never waits for one.
 */
export class EarlyEncoder {
  readonly #parts: EarlyEncoderParts
  readonly #jobs = new Set<Job>()
  /** Keys of the images that each answer with images to encode needs. */
  readonly #claims = new Set<Set<string>>()
  /** Settles when the last claim ends. */
  #quiet = createDeferred<void>()

  constructor (parts: EarlyEncoderParts) {
    this.#parts = parts
  }

  /**
   * Reserves the encoder for an answer that needs these images.
   * @returns a function that ends the reservation; to be called once
   */
  claim (images: EngineImage[]): () => void {
    const keys = new Set(images.map(imageCacheKey))
    if (keys.size === 0) return () => {}
    if (this.#claims.size === 0) this.#quiet = createDeferred()
    this.#claims.add(keys)
    for (const job of this.#jobs) {
      if (!this.#isClaimed(job.key)) job.interrupt?.abort(INTERRUPTED)
      else if (job.interrupt === null || job.interrupt.signal.aborted) job.drop.abort(DROPPED)
    }
    return () => {
      this.#claims.delete(keys)
      if (this.#claims.size === 0) this.#quiet.resolve()
    }
  }

  /**
   * Encodes an image and keeps its embedding in the cache until an answer has used it or `signal` fires. Does nothing
   * if early embeddings already take half of the cache. Gives up after several interruptions.
   * @returns settles when the computation has ended
   * @throws errors of the encoder; the reason of `signal`; an Error when an answer encodes the image
   */
  async encode (image: EngineImage, signal: AbortSignal): Promise<void> {
    const job: Job = { key: imageCacheKey(image), drop: new AbortController(), interrupt: null }
    if (this.#isClaimed(job.key)) throw DROPPED
    const ended = AbortSignal.any([signal, job.drop.signal])
    this.#jobs.add(job)
    try {
      await withLock([this, 'encode'], ended, async () => {
        for (let tries = 0; tries < MAX_TRIES; tries++) {
          if (await this.#try(job, image, signal, ended)) return
        }
      })
    } finally {
      this.#jobs.delete(job)
    }
  }

  /** @returns false if the encoding was interrupted */
  async #try (job: Job, image: EngineImage, signal: AbortSignal, ended: AbortSignal): Promise<boolean> {
    const { cache, encode } = this.#parts
    while (this.#claims.size > 0) await untilAborted(this.#quiet.promise, ended)
    ended.throwIfAborted()
    if (cache.earlyBytes >= CACHE_SHARE * cache.limitBytes) return true
    job.interrupt = new AbortController()
    const either = AbortSignal.any([ended, job.interrupt.signal])
    try {
      await cache.encodeEarly(image, () => encode(image, either), signal)
      return true
    } catch (error) {
      if (error !== INTERRUPTED) throw error
      return false
    } finally {
      job.interrupt = null
    }
  }

  #isClaimed (key: string): boolean {
    return [...this.#claims].some(keys => keys.has(key))
  }
}
