import type { ImageFormat } from '../kind.ts'
import { checkAvif } from './avif.ts'
import { checkJpeg } from './jpeg.ts'
import type { Reader } from './reader.ts'
import { checkTiff } from './tiff.ts'
import { checkWebp } from './webp.ts'

/**
 * Refuses files that are built to keep a decoder busy, before one gets to see them: those that go over their parts again and again, that
 * have far more parts than any camera or program writes, or that hold more pixels than their header claims. A decoder cannot be
 * interrupted, and what libvips bounds itself (sizes of chunks, of tiles, of tags, nesting) is not looked at here.
 *
 * @param maxPixels most pixels that one coded picture may have
 * @throws CorruptImageError, ImageTooManyPixelsError
 */
export async function checkStructure (format: ImageFormat, reader: Reader, label: string, maxPixels: number): Promise<void> {
  switch (format) {
    case 'jpeg': return await checkJpeg(reader, label)
    case 'webp': return await checkWebp(reader, label)
    case 'tiff': return await checkTiff(reader, label)
    case 'avif': return await checkAvif(reader, label, maxPixels)
    // The decoders of these take time and memory in proportion to the file and its pixels, whatever is in it.
    case 'png':
    case 'gif':
  }
}
