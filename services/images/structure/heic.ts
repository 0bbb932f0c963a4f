import { checkHeif } from './heif.ts'
import type { Reader } from './reader.ts'

/**
 * The tiles of a grid may have this many times the pixels of a whole image, because tiles exceed the right and the
 * lower border. A photograph of 48 megapixels that consists of tiles of 512 x 512 exceeds them by 3 %.
 */
const PARTS = 1.5

/**
 * Checks the container of a HEIC. The coded images need no check: their decoder runs in a thread with limits.
 *
 * @param label the name of the file in messages
 * @param maxPixels maximum pixels of one coded image, see also `PARTS`
 * @throws CorruptImageError, ImageTooManyPixelsError
 */
export async function checkHeic (reader: Reader, label: string, maxPixels: number): Promise<void> {
  await checkHeif('heic', reader, label, { maxPixels, maxPartPixels: Math.floor(maxPixels * PARTS) })
}
