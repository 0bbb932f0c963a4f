import type { EncodedImage } from '../../../../native/vision.ts'
import type { EngineImage } from '../../../../services/engine/engine.ts'
import type { ImageCache } from '../../../../services/engine/worker/image-cache.ts'

export interface FakeImage extends EncodedImage {
  /** Number of calls of `dispose`. */
  disposed: number
}

export function fake (bytes: number): FakeImage {
  return {
    tokens: bytes / 10,
    span: 1,
    bytes,
    disposed: 0,
    decode: async () => {},
    dispose () { this.disposed++ }
  }
}

export const ORIGINAL = { width: 640, height: 480 }
export const engineImage = (id: string, width = 56, height = 56): EngineImage =>
  ({ id, original: ORIGINAL, width, height, file: async () => `/nowhere/${id}` })
export const never = new AbortController().signal
export const unexpected = async (): Promise<EncodedImage> => { throw new Error('encoded again') }

/** Leases an image of this size and releases it at once. */
export async function use (cache: ImageCache, id: string, bytes = 100): Promise<FakeImage> {
  const { encoded, release } = await cache.lease(engineImage(id), async () => fake(bytes), never)
  release()
  return encoded as FakeImage
}
