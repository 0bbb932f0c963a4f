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
  /** Whether anybody else computes. */
  rounds: Pick<Rounds<never, never>, 'busy' | 'watch'>
}

/**
 * Turns prepared files into embeddings, one after the other (mtmd allows no more), beside token generation and outside the
 * context's lock. An encoding takes all cores while nothing else computes; as soon as anybody's answer runs it leaves half of them to it, and takes
 * them back when it is done.
 */
export function createEncoder ({ llama, context, vision, threads, rounds }: EncoderParts) {
  const line = {}
  const half = Math.max(1, Math.floor(threads / 2))

  /** @param granted threads while somebody else computes */
  async function encodePixels (rgb: Buffer, { width, height }: EngineImage, granted: number, signal: AbortSignal): Promise<Picture> {
    signal.throwIfAborted()
    const share = () => rounds.busy ? granted : threads
    const encoding = vision.encode(rgb, width, height, share())
    const unwatch = rounds.watch(() => vision.setThreads(share()))
    const cancel = () => vision.cancel()
    signal.addEventListener('abort', cancel, { once: true })
    try {
      return await encoding
    } catch (error) {
      signal.throwIfAborted()
      throw error
    } finally {
      signal.removeEventListener('abort', cancel)
      unwatch()
    }
  }

  /**
   * @throws Error when the file cannot be decoded or has another size than announced; the reason of `signal`
   */
  return async function encode (image: EngineImage, signal: AbortSignal): Promise<Picture> {
    const rgb = await readPixels(image)
    return await withLock([line, 'encode'], async () => {
      const run = (granted: number) => encodePixels(rgb, image, granted, signal)
      // Two decodings at a time crash on Vulkan, and there an encoding counts as one.
      if (llama.gpu === 'vulkan') return await withLock([context, 'context'], () => run(half))
      // Only half is taken from what node-llama-cpp shares out: its decoding would wait for the picture otherwise. The other half is
      // given up within moments. With a single core there is nothing to share.
      return llama.maxThreads > half ? await withThreads(llama, half, run) : await run(half)
    })
  }
}

/** Decodes a prepared file to `height × width × 3` bytes. */
async function readPixels ({ file, width, height }: EngineImage): Promise<Buffer> {
  const { data, info } = await sharp(await file!(), { sequentialRead: true })
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  if (info.width !== width || info.height !== height || info.channels !== 3) {
    throw new Error(`A prepared picture is ${info.width} x ${info.height} x ${info.channels}, not ${width} x ${height} x 3`)
  }
  return data
}
