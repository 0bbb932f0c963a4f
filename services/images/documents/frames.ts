import { open } from 'node:fs/promises'
import { CorruptImageError, withDetails } from '../../../errors/catalogue.ts'
import { IMAGE_FAULTS } from '../../../errors/phrases.ts'
import type { ImageFile, ImageHeader } from '../inspect.ts'
import type { FramePart } from '../part.ts'
import sharp from '../sharp.ts'
import { createReader } from '../structure/reader.ts'
import { readApng } from './apng.ts'

/**
 * Maximum pixels of all frames of an animation together. A decoder starts at the first frame for each frame that is
 * wanted, and cannot be interrupted before it.
 */
export const MAX_ANIMATION_PIXELS = 1_000_000_000
/** Maximum pixels of one frame, because the canvas of an animated PNG is kept in memory. */
export const MAX_FRAME_PIXELS = 16_777_216

/**
 * Lists the frames of an animation.
 * @param header the result of `inspectImage` for this file
 * @returns an empty list for a still image
 * @throws CorruptImageError
 */
export async function readFrames (file: ImageFile, header: ImageHeader): Promise<FramePart[]> {
  const delays = header.format === 'png' ? await delaysOfApng(file) : await delaysOf(file, header)
  if (delays.length <= 1) return []
  checkPixels(file, header.width * header.height, delays.length)
  let timeMs = 0
  return delays.map((delay, index): FramePart => {
    const frame: FramePart = { type: 'frame', frame: index + 1, frames: delays.length, timeMs: Math.round(timeMs) }
    timeMs += delay
    return frame
  })
}

function checkPixels ({ label }: ImageFile, pixels: number, frames: number): void {
  const isLarge = pixels > MAX_FRAME_PIXELS
  if (!isLarge && pixels * frames <= MAX_ANIMATION_PIXELS) return
  const limit = isLarge ? MAX_FRAME_PIXELS : MAX_ANIMATION_PIXELS
  const fault = isLarge
    ? { en: `each of its frames has more than ${limit} pixels`, zh: `每一帧超过 ${limit} 像素` }
    : { en: `its frames have more than ${limit} pixels in all`, zh: `所有帧合计超过 ${limit} 像素` }
  throw withDetails(new CorruptImageError(label, {
    en: `${fault.en}; without "frames", the first one is read`, zh: `${fault.zh}；不带 "frames" 时只读取第一帧`
  }), { limit })
}

async function delaysOf ({ path, label }: ImageFile, { pages, format }: ImageHeader): Promise<number[]> {
  if (pages <= 1 || (format !== 'gif' && format !== 'webp')) return []
  try {
    const { delay = [] } = await sharp(path, { limitInputPixels: false, pages: -1 }).metadata()
    return Array.from({ length: pages }, (_, index) => delay[index] ?? 0)
  } catch (cause) {
    throw Object.assign(new CorruptImageError(label, IMAGE_FAULTS.damaged), { cause })
  }
}

async function delaysOfApng ({ path, label }: ImageFile): Promise<number[]> {
  const handle = await open(path)
  try {
    const { frames } = await readApng(await createReader(handle), label)
    return frames.map(({ delayMs }) => delayMs)
  } finally {
    await handle.close()
  }
}
