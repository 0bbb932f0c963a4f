import { ImageExpiredError, withDetails } from '../../../errors/catalogue.ts'
import { untilAborted } from '../../abort.ts'
import type { EngineImage } from '../engine.ts'
import { imageCacheKey } from '../image-index.ts'
import { readPrepared, type PreparedImages, type UpstreamImage } from './prepared-images.ts'

export type GatheredImage = UpstreamImage & { cached: boolean }

/**
 * Collects the images of a request, from the cache or from their files. An image that occurs several times is read
 * once.
 * @returns the images in the order of the request; `cached` is true for images that were not read
 * @throws ImageExpiredError; the error of `file`; the reason of `signal`, at once: a file that is being read at that
 *   moment is read to its end but not kept
 */
export async function gatherImages (
  images: EngineImage[], cache: PreparedImages, signal: AbortSignal
): Promise<GatheredImage[]> {
  const missing = images.filter(image => image.file === undefined && cache.get(image) === undefined)
  if (missing.length > 0) {
    const ids = [...new Set(missing.map(({ id }) => id))]
    throw withDetails(new ImageExpiredError(ids.join(', ')), { ids })
  }
  const read = async (image: EngineImage): Promise<GatheredImage> => {
    const cached = cache.get(image)
    if (cached) return { ...cached, cached: true }
    const path = await image.file!()
    signal.throwIfAborted()
    const prepared = await readPrepared(path)
    cache.put(image, prepared)
    return { ...prepared, cached: false }
  }
  const reading = new Map<string, Promise<GatheredImage>>()
  const outcomes = await untilAborted(Promise.allSettled(images.map(image => {
    const key = imageCacheKey(image)
    const first = reading.get(key) ?? read(image)
    reading.set(key, first)
    return first
  })), signal)
  return outcomes.map(outcome => {
    if (outcome.status === 'rejected') throw outcome.reason
    return outcome.value
  })
}
