import type { ImageFormat } from '../kind.ts'
import { checkAvif } from './avif.ts'
import { checkGif } from './gif.ts'
import { checkJpeg } from './jpeg.ts'
import { checkPng } from './png.ts'
import type { Reader } from './reader.ts'
import { checkTiff } from './tiff.ts'
import { checkWebp } from './webp.ts'

/**
 * Refuses files that are built to keep a decoder busy, before a decoder reads them: files that make it process the same
 * parts again and again, that have far more parts than any camera or program writes, or that contain more pixels than
 * their header claims. A decoder cannot be interrupted. The bounds of libvips itself (sizes of chunks, tiles and tags,
 * nesting) are not repeated here.
 *
 * Each count has a limit over the whole file, so any file of 20 MB is checked in about 100 ms of the main thread, with
 * a turn of the event loop every few milliseconds (see `createReader`).
 *
 * @param maxPixels most pixels that one coded image may have
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
  }
}
