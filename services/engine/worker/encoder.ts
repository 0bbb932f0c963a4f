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
  /** Tells whether anything else does. */
  rounds: Pick<Rounds<never, never>, 'busy' | 'watch'>
}

/**
 * Turns prepared files into embeddings, one after the other (mtmd allows no more), beside token generation. An encoding takes all cores while
 * nothing else computes; as soon as anybody's answer runs each has half of them, and it takes them back when that is done. ggml's threads
 * spin while they wait for each other: one more than there are cores would slow everything down many times.
 */
export function createEncoder ({ vision, decoder, threads, rounds }: EncoderParts) {
  const line = {}
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
   * Settles when nothing of it is computed any more. An abort takes a request that waits out of the line at once, and
   * ends an encoding after its current stretch.
   * @throws Error when the file cannot be decoded or has another size than announced; the reason of `signal`
   */
  return async function encode (image: EngineImage, signal: AbortSignal): Promise<EncodedImage> {
    const rgb = await readPixels(image)
    return await withLock([line, 'encode'], signal, () => encodePixels(rgb, image, signal))
  }
}

/** Decodes a prepared file to `height × width × 3` bytes. */
async function readPixels ({ file, width, height }: EngineImage): Promise<Buffer> {
  const { data, info } = await sharp(await file!(), { sequentialRead: true, failOn: 'error' })
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  if (info.width !== width || info.height !== height || info.channels !== 3) {
    throw new Error(
      `A prepared picture is ${info.width} x ${info.height} x ${info.channels}, not ${width} x ${height} x 3`
    )
  }
  return data
}
