import { withLock } from 'lifecycle-utils'
import type { Llama, LlamaContext } from 'node-llama-cpp'
import { withThreads } from '../../../native/node-llama-cpp.ts'
import type { Picture, Vision } from '../../../native/vision.ts'
import sharp from '../../images/sharp.ts'
import type { EngineImage } from '../engine.ts'
import type { Rounds } from './rounds.ts'

export interface EncoderParts {
  llama: Llama
  context: LlamaContext
  vision: Vision
  /** CPU threads of an encoding while nothing else computes. */
  threads: number
  rounds: Rounds
}

/**
 * Turns prepared files into embeddings, one after the other (mtmd allows no more), beside token generation and outside the
 * context's lock. It takes all cores while nothing else computes and half of them while answers are running.
 */
export function createEncoder ({ llama, context, vision, threads, rounds }: EncoderParts) {
  const line = {}

  /**
   * @throws Error when the file cannot be decoded or has another size than announced
   */
  return async function encode (image: EngineImage, signal: AbortSignal): Promise<Picture> {
    const rgb = await readPixels(image)
    return await withLock([line, 'encode'], async () => {
      signal.throwIfAborted()
      const wanted = rounds.busy ? Math.max(1, Math.floor(threads / 2)) : threads
      const run = () => withThreads(llama, wanted, share => vision.encode(rgb, image.width, image.height, share))
      // Two decodings at a time crash on Vulkan, and there an encoding counts as one.
      return llama.gpu === 'vulkan' ? await withLock([context, 'context'], run) : await run()
    })
  }
}

/** Decodes a prepared file to `height × width × 3` bytes. */
async function readPixels ({ path, width, height }: EngineImage): Promise<Buffer> {
  const { data, info } = await sharp(path, { sequentialRead: true })
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  if (info.width !== width || info.height !== height || info.channels !== 3) {
    throw new Error(`A prepared picture is ${info.width} x ${info.height} x ${info.channels}, not ${width} x ${height} x 3`)
  }
  return data
}
