import { CorruptImageError, ImageTooManyPixelsError, withDetails } from '../../../errors.ts'
import { boxesOf, type Box } from './boxes.ts'
import { readItems, type Extent, type Item } from './items.ts'
import type { Reader } from './reader.ts'

/** A file has a handful; libheif takes the square of their number in time. */
const MAX_BOXES = 100
/** A still picture has one, one with layers of detail some. A decoder decodes all that stand one behind the other, and shows the last. */
const MAX_FRAMES = 8
/** Pieces of coded pixels; a picture may have 4096 tiles. */
const MAX_PIECES = 5000
const FRAME_HEADER = 3
const FRAME = 6

/**
 * Looks into the container of an AVIF: libheif bounds the pixels of a coded picture by what its `ispe` claims, but not that by the picture
 * that is shown. That may be made of any number of larger ones, and so may be its transparency.
 *
 * @param maxPixels most pixels of one coded picture, and of the parts of one that is made of others
 * @throws CorruptImageError, ImageTooManyPixelsError
 */
export async function checkAvif (reader: Reader, label: string, maxPixels: number): Promise<void> {
  let items: Map<number, Item>
  try {
    items = await readItems(reader, await findMeta(reader, label))
    for (const { extents, parts, size } of items.values()) {
      if (size && parts.length === 0) await checkFrames(reader, extents, label)
    }
  } catch (error) {
    // A number where the bytes end.
    if (error instanceof RangeError) throw damaged(label)
    throw error
  }

  for (const { size } of items.values()) {
    if (!size || size.width * size.height <= maxPixels) continue
    const { width, height } = size
    throw withDetails(new ImageTooManyPixelsError(avifLabel(label), width, height, maxPixels), { width, height, max_pixels: maxPixels })
  }
  const pixels = Math.max(0, ...pixelsOf(items, label))
  if (pixels > maxPixels) throw new CorruptImageError(label, { en: `its parts have more than ${maxPixels} pixels together`, zh: `其各部分合计超过 ${maxPixels} 像素` })
}

/** How a sentence names a picture whose limit is that of AVIF. */
export function avifLabel (label: string): { en: string, zh: string } {
  return { en: `${label}, an AVIF,`, zh: `${label}（AVIF）` }
}

const damaged = (label: string) => new CorruptImageError(label, 'its header is truncated or damaged')

async function findMeta (reader: Reader, label: string): Promise<Box> {
  let meta: Box | null = null
  let boxes = 0
  for await (const box of boxesOf(reader, { start: 0, end: reader.size }, { cut: true })) {
    if (++boxes > MAX_BOXES) throw new CorruptImageError(label, { en: `it has more than ${MAX_BOXES} boxes`, zh: `box 超过 ${MAX_BOXES} 个` })
    // Of two, or of the short form of one, it would be uncertain which is read.
    if (box.type === 'mini' || (box.type === 'meta' && meta)) throw damaged(label)
    if (box.type === 'meta') meta = box
  }
  if (!meta) throw damaged(label)
  return meta
}

/** What each picture costs to decode, in pixels: its own, or those of its parts where these are more. */
function pixelsOf (items: Map<number, Item>, label: string): number[] {
  const known = new Map<number, number>()
  const cost = (id: number): number => {
    const item = items.get(id)
    if (!item) return 0
    const before = known.get(id)
    // Nothing is a part of itself.
    if (before === Infinity) throw damaged(label)
    if (before !== undefined) return before
    known.set(id, Infinity)
    const own = item.size ? item.size.width * item.size.height : 0
    const pixels = Math.max(own, item.parts.reduce((sum, part) => sum + cost(part), 0))
    known.set(id, pixels)
    return pixels
  }
  return [...items.keys()].map(cost)
}

/** Counts the frames of a coded picture (AV1 specification, 5.3). */
async function checkFrames (reader: Reader, extents: Extent[], label: string): Promise<void> {
  const total = extents.reduce((sum, { length }) => sum + length, 0)
  let frames = 0
  let pieces = 0
  for (let at = 0; at < total;) {
    const head = await bytesAt(reader, extents, at, 10)
    if (head.length === 0) return
    // Decoders pass over zeros between frames.
    if (head[0] === 0) {
      const zeros = head.findIndex(byte => byte !== 0)
      at += zeros === -1 ? head.length : zeros
      if (++pieces > MAX_PIECES) throw damaged(label)
      continue
    }
    // A bit that is zero, four of the type, whether there is another byte and whether there is a length, and one more.
    const type = head[0]! >> 3
    const extended = head[0]! >> 2 & 1
    const hasLength = (head[0]! >> 1 & 1) === 1
    // Without one it is no piece of such a stream.
    if (type > 15 || !hasLength) throw damaged(label)
    const length = readLength(head, 1 + extended)
    at += 1 + extended + length.bytes + length.value
    if (type === FRAME || type === FRAME_HEADER) frames++
    if (frames > MAX_FRAMES) throw new CorruptImageError(label, { en: `it has more than ${MAX_FRAMES} frames in one picture`, zh: `一张图片中的帧超过 ${MAX_FRAMES} 个` })
    if (++pieces > MAX_PIECES) throw damaged(label)
  }
}

/** A number in pieces of seven bits (leb128). */
function readLength (bytes: Buffer, start: number): { value: number, bytes: number } {
  let value = 0
  for (let i = 0; i < 8; i++) {
    const byte = bytes.readUInt8(start + i)
    value += (byte & 0x7f) * 2 ** (7 * i)
    if (byte < 0x80) return { value, bytes: i + 1 }
  }
  throw new RangeError('A length of more than eight bytes')
}

/** Bytes of an item wherever they lie in the file; fewer at its end. */
async function bytesAt (reader: Reader, extents: Extent[], start: number, length: number): Promise<Buffer> {
  const found: Buffer[] = []
  let at = start
  let left = length
  for (const extent of extents) {
    if (at >= extent.length) {
      at -= extent.length
      continue
    }
    const wanted = Math.min(left, extent.length - at)
    const bytes = (await reader.from(extent.start + at, wanted)).subarray(0, wanted)
    found.push(bytes)
    left -= bytes.length
    at = 0
    if (left === 0 || bytes.length < wanted) break
  }
  return Buffer.concat(found)
}
