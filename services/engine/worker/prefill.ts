import type { Token } from 'node-llama-cpp'
import type { StepItem } from '../../../native/vision.ts'
import type { EngineEvent, EngineImage, GenerateRequest } from '../engine.ts'
import { imageCacheKey } from '../image-index.ts'
import { createClock, toTenths } from './clock.ts'
import type { EarlyEncoder } from './early-encoder.ts'
import type { createEncoder } from './encoder.ts'
import { WorkerFailure } from './failure.ts'
import type { ImageCache, ImageLease } from './image-cache.ts'
import { sliceOf, type PrefillStep } from './prefill-plan.ts'
import type { Segment } from './prompt.ts'
import type { Rounds } from './rounds.ts'
import type { Sequence } from './sequence.ts'

export interface PrefillParts {
  rounds: Rounds<StepItem, number>
  cache: ImageCache
  /** Null for a model without a projector. */
  encode: ReturnType<typeof createEncoder> | null
  /** Null for a model without a projector. */
  early: EarlyEncoder | null
  /** Maximum tokens of a slice. */
  batchSize: number
}

/** Fills the KV cache with prompts: evaluates text in slices, and images after they are encoded. */
export class Prefill {
  readonly #parts: PrefillParts

  constructor (parts: PrefillParts) {
    this.#parts = parts
  }

  /**
   * Leases the images of earlier turns that the prompt needs. They have no file, so they cannot be encoded again.
   * @param leases receives the leases
   * @throws WorkerFailure IMAGE_EXPIRED when an image is no longer cached
   */
  async keepEarlier (
    { images }: GenerateRequest, segments: Segment[], leases: ImageLease[], signal: AbortSignal
  ): Promise<void> {
    const { cache } = this.#parts
    const needed = new Set(segments.flatMap(segment => segment.type === 'image' ? [images[segment.image]!] : []))
    const earlier = [...needed].filter(image => image.file === undefined)
    const expired = earlier.filter(image => !cache.has(image))
    if (expired.length > 0) throw imageExpired([...new Set(expired.map(image => image.id))])
    for (const image of earlier) leases.push(await this.#lease(image, signal))
  }

  /**
   * Runs the steps of a plan in order. An image is encoded first if it is not cached. Early encodings of other images
   * wait meanwhile.
   * @returns for each image of the request, whether its embedding was cached; milliseconds spent on encoding
   */
  async run (
    sequence: Sequence, steps: PrefillStep[], { images }: GenerateRequest, progress: Progress, signal: AbortSignal
  ): Promise<{ cachedImages: boolean[], encodeMs: number }> {
    const needed = new Set(steps.flatMap(step => step.type === 'image' ? [step.image] : []))
    progress.encoded(images.length - needed.size)
    const release = this.#parts.early?.claim([...needed].map(image => images[image]!))
    try {
      return await this.#run(sequence, steps, images, progress, signal)
    } finally {
      release?.()
    }
  }

  async #run (
    sequence: Sequence, steps: PrefillStep[], images: EngineImage[], progress: Progress, signal: AbortSignal
  ): Promise<{ cachedImages: boolean[], encodeMs: number }> {
    const cachedImages = images.map(() => true)
    let encodeMs = 0
    for (const step of steps) {
      if (step.type === 'text') {
        await this.#text(sequence, step.tokens, signal, progress.evaluated)
        continue
      }
      if (step.type === 'checkpoint') {
        await sequence.saveCheckpoint(step.place)
        continue
      }
      const image = images[step.image]!
      const clock = createClock()
      const lease = await this.#lease(image, signal)
      try {
        cachedImages[step.image] = lease.cached
        encodeMs += clock.total()
        progress.encoded(1)
        await this.#image(sequence, imageCacheKey(image), lease, signal, progress.evaluated)
      } finally {
        lease.release()
      }
    }
    return { cachedImages, encodeMs: toTenths(encodeMs) }
  }

  /** Evaluates text without sampling a next token. */
  async #text (
    sequence: Sequence, tokens: Token[], signal: AbortSignal, onSlice: (count: number) => void
  ): Promise<void> {
    const { rounds, batchSize } = this.#parts
    for (let offset = 0; offset < tokens.length;) {
      signal.throwIfAborted()
      const count = sliceOf(tokens.length - offset, rounds.sliceLength(batchSize))
      const slice = tokens.slice(offset, offset + count)
      await rounds.slice(slice.length, () => sequence.evaluateText(slice, signal), signal)
      offset += slice.length
      onSlice(slice.length)
    }
  }

  async #image (
    sequence: Sequence, key: string, { encoded }: ImageLease, signal: AbortSignal, onSlice: (count: number) => void
  ): Promise<void> {
    const { rounds, batchSize } = this.#parts
    for (let offset = 0; offset < encoded.tokens;) {
      signal.throwIfAborted()
      const count = sliceOf(encoded.tokens - offset, rounds.sliceLength(batchSize))
      const from = offset
      await rounds.slice(count, () => sequence.evaluateImage(key, encoded, from, count, signal), signal)
      offset += count
      onSlice(count)
    }
  }

  async #lease (image: EngineImage, signal: AbortSignal): Promise<ImageLease> {
    const { cache, encode } = this.#parts
    // Wait for the file before the lease: other requests for this image then wait only for its encoding.
    if (!cache.has(image)) await image.file?.()
    return await cache.lease(image, () => {
      if (image.file === undefined) throw imageExpired([image.id])
      return encode!(image, signal)
    }, signal)
  }
}

export type Progress = ReturnType<typeof createProgress>

/** Emits progress events. Reused images and tokens count as done. */
export function createProgress (
  emit: (event: EngineEvent) => void, images: number, tokens: number, cachedTokens: number
) {
  let encoded = 0
  let evaluated = cachedTokens
  return {
    encoded (count: number) {
      encoded += count
      if (count > 0) emit({ type: 'progress', stage: 'encode', done: encoded, total: images })
    },
    evaluated (count: number) {
      evaluated += count
      emit({ type: 'progress', stage: 'prefill', done: evaluated, total: tokens })
    }
  }
}

function imageExpired (ids: string[]): WorkerFailure {
  return new WorkerFailure({ code: 'IMAGE_EXPIRED', args: [ids.join(', ')], details: { ids } })
}
