import { Bound } from './bound.ts'
import { checkHeif, damaged, lengthOf } from './heif.ts'
import type { Extent } from './items.ts'
import type { Reader } from './reader.ts'

/**
 * Maximum number of frames in one image. A still image has one, an image with layers of detail has several. A decoder
 * decodes all frames and shows the last one.
 */
export const MAX_AVIF_FRAMES = 8
/**
 * Maximum number of coded units (OBUs) of all items together. An image can have 4096 tiles, each in a separate unit,
 * and its transparency as many.
 */
export const MAX_AVIF_UNITS = 10_000
/** The number of units that each additional extent of a header counts as, because it can need another read. */
const UNITS_OF_SPLIT = 10

const FRAME_HEADER = 3
const FRAME = 6
/** Size of the header of a unit: two bytes, and a length of up to eight bytes. */
const HEADER_BYTES = 10

/**
 * Checks the container of an AVIF, and its coded images.
 *
 * @param label the name of the file in messages
 * @param maxPixels maximum pixels of one coded image, and of all parts of one image together
 * @throws CorruptImageError, ImageTooManyPixelsError
 */
export async function checkAvif (reader: Reader, label: string, maxPixels: number): Promise<void> {
  const units = new Bound(label, MAX_AVIF_UNITS, {
    en: `its images have more than ${MAX_AVIF_UNITS} coded units (OBUs) together`,
    zh: `各图片的编码单元（OBU）合计超过 ${MAX_AVIF_UNITS} 个`
  })
  const limits = { maxPixels, maxPartPixels: maxPixels }
  await checkHeif('avif', reader, label, limits, extents => checkFrames(reader, extents, label, units))
}

/** Counts the frames and the units of a coded image (AV1 specification, 5.3). */
async function checkFrames (reader: Reader, extents: Extent[], label: string, units: Bound): Promise<void> {
  const total = lengthOf(extents)
  const frames = new Bound(label, MAX_AVIF_FRAMES, {
    en: `it has more than ${MAX_AVIF_FRAMES} frames in one image`, zh: `一张图片中的帧超过 ${MAX_AVIF_FRAMES} 个`
  })
  for (let at = 0; at < total;) {
    const head = await readHeader(reader, extents, at, units)
    if (head.length === 0) return
    // Decoders skip zeros between units.
    if (head[0] === 0) {
      const zeros = head.findIndex(byte => byte !== 0)
      at += zeros === -1 ? head.length : zeros
      continue
    }
    // Bits of the first byte: one zero bit, four for the type, one for a second byte, one for a length, one reserved.
    const type = head[0]! >> 3
    const extended = head[0]! >> 2 & 1
    const hasLength = (head[0]! >> 1 & 1) === 1
    // In an AVIF every unit has a length.
    if (type > 15 || !hasLength) throw damaged(label)
    const length = readLength(head, 1 + extended)
    at += 1 + extended + length.bytes + length.value
    if (type === FRAME || type === FRAME_HEADER) frames.add()
  }
}

/** Reads a number that is stored in groups of seven bits (LEB128). */
function readLength (bytes: Buffer, start: number): { value: number, bytes: number } {
  let value = 0
  for (let i = 0; i < 8; i++) {
    const byte = bytes.readUInt8(start + i)
    value += (byte & 0x7f) * 2 ** (7 * i)
    if (byte < 0x80) return { value, bytes: i + 1 }
  }
  throw new RangeError('A length of more than eight bytes')
}

/** Reads the header of a unit, which can be split over several extents. It is shorter at the end of the file. */
async function readHeader (reader: Reader, extents: Extent[], start: number, units: Bound): Promise<Buffer> {
  const found: Buffer[] = []
  let at = start
  let left = HEADER_BYTES
  for (const extent of extents) {
    if (at >= extent.length) {
      at -= extent.length
      continue
    }
    units.add(found.length === 0 ? 1 : UNITS_OF_SPLIT)
    const wanted = Math.min(left, extent.length - at)
    const bytes = (await reader.from(extent.start + at, wanted)).subarray(0, wanted)
    found.push(bytes)
    left -= bytes.length
    at = 0
    if (left === 0 || bytes.length < wanted) break
  }
  return Buffer.concat(found)
}
