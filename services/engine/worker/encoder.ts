import { withLock } from 'lifecycle-utils'
import type { Decoder } from '../../../native/node-llama-cpp.ts'
import type { EncodedImage, Vision } from '../../../native/vision.ts'
import sharp from '../../images/sharp.ts'
import type { EngineImage } from '../engine.ts'
import type { Rounds } from './rounds.ts'

export interface EncoderParts {
  vision: Vision
  decoder: Pick<Decoder, 'threads'>
  /** CPU threads of an encoding while nothing else computes. */
  threads: number
  /** Reports whether something else computes. */
  rounds: Pick<Rounds<never, never>, 'busy' | 'watch'>
}

/**
 * Creates the function that encodes prepared files, one at a time (a limit of mtmd), in parallel with decoding. An
 * encoding uses all threads while nothing is decoded; otherwise encoding and decoding use half of them each. ggml's
 * threads spin while they wait for each other, so more threads than cores make everything many times slower.
 */
export function createEncoder ({ vision, decoder, threads, rounds }: EncoderParts) {
  const lock = {}
  const half = Math.max(1, Math.floor(threads / 2))

  async function encodePixels (
    rgb: Buffer, { width, height }: EngineImage, signal: AbortSignal
  ): Promise<EncodedImage> {
    signal.throwIfAborted()
    const share = () => rounds.busy ? half : threads
    const encoding = vision.encode(rgb, width, height, share())
    const unwatch = rounds.watch(() => vision.setThreads(share()))
    const cancel = () => vision.cancel()
    signal.addEventListener('abort', cancel, { once: true })
    decoder.threads = Math.max(1, threads - half)
    try {
      return await encoding
    } catch (error) {
      signal.throwIfAborted()
      throw error
    } finally {
      decoder.threads = threads
      signal.removeEventListener('abort', cancel)
      unwatch()
    }
  }

  /**
   * Settles when the computation has ended. An abort rejects a waiting call at once, and ends a running encoding after
   * its current stretch.
   * @throws Error when the file cannot be decoded or its size differs from the request; the reason of `signal`
   */
  return async function encode (image: EngineImage, signal: AbortSignal): Promise<EncodedImage> {
    const rgb = await readPixels(image)
    return await withLock([lock, 'encode'], signal, () => encodePixels(rgb, image, signal))
  }
}

/** Decodes a prepared file to RGB: `height × width × 3` bytes. */
async function readPixels ({ file, width, height }: EngineImage): Promise<Buffer> {
  const { data, info } = await sharp(await file!(), { sequentialRead: true, failOn: 'error' })
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  if (info.width !== width || info.height !== height || info.channels !== 3) {
    throw new Error(
      `A prepared image is ${info.width} x ${info.height} x ${info.channels}, not ${width} x ${height} x 3`
    )
  }
  return data
}
