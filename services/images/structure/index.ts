import type { ImageFormat } from '../kind.ts'
import { checkAvif } from './avif.ts'
import { checkGif } from './gif.ts'
import { checkHeic } from './heic.ts'
import { checkJpeg } from './jpeg.ts'
import { checkPng } from './png.ts'
import type { Reader } from './reader.ts'
import { checkTiff } from './tiff.ts'
import { checkWebp } from './webp.ts'

/**
 * Refuses files that would keep a decoder busy, before a decoder reads them, because a decoder cannot be interrupted.
 * Such files make a decoder process the same parts repeatedly, have far more parts than any camera or program writes,
 * or contain more pixels than their header claims. libvips itself limits the sizes of chunks, tiles and tags, and
 * nesting.
 *
 * Each limit applies to the whole file, so the check of any file of 20 MB takes about 100 ms of the main thread. The
 * event loop gets a turn every few milliseconds (see `createReader`).
 *
 * @param reader the file; the caller opens and closes it
 * @param label the name of the file in messages, e.g. `images[1] ("dog.jpg")`
 * @param maxPixels maximum pixels of one coded image in an AVIF or HEIC
 * @throws CorruptImageError, ImageTooManyPixelsError
 */
export async function checkStructure (
  format: ImageFormat, reader: Reader, label: string, maxPixels: number
): Promise<void> {
  switch (format) {
    case 'jpeg': return await checkJpeg(reader, label)
    case 'png': return await checkPng(reader, label)
    case 'webp': return await checkWebp(reader, label)
    case 'gif': return await checkGif(reader, label)
    case 'tiff': return await checkTiff(reader, label)
    case 'avif': return await checkAvif(reader, label, maxPixels)
    case 'heic': return await checkHeic(reader, label, maxPixels)
  }
}
