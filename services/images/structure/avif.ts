import { CorruptImageError, ImageTooManyPixelsError, withDetails } from '../../../errors/catalogue.ts'
import { Bound } from './bound.ts'
import { boundInnerBoxes, boxesOf, type Box } from './boxes.ts'
import { readItems, type Extent, type Item } from './items.ts'
import type { Reader } from './reader.ts'
import { boundText } from './text.ts'
import { boundTableEntries, checkTracks } from './tracks.ts'

/** A file has a handful; libheif takes the square of their number in time. */
export const MAX_AVIF_BOXES = 100
/** A still image has one, an image with layers of detail some. A decoder decodes all frames and shows the last. */
export const MAX_AVIF_FRAMES = 8
/**
 * Units of coded pixels (OBUs) of all items together. An image may have 4096 tiles, each in a unit of its own, and its
 * transparency as many.
 */
export const MAX_AVIF_UNITS = 10_000
/** A head of a unit that is split over extents may cost a read from the disk for each, so a further one counts more. */
const UNITS_OF_SPLIT = 10
/** Parts that are decoded for one image, those of its parts included: each takes libheif a new decoder. */
export const MAX_AVIF_PARTS_OF_IMAGE = 1000

const FRAME_HEADER = 3
const FRAME = 6
/** Bytes of the head of a unit: two, and a length of up to eight. */
const HEAD_BYTES = 10

/**
 * Looks into the container of an AVIF. libheif bounds the pixels of a coded image by its `ispe`, but does not compare
 * them with those of the image that is shown. The latter may be made of any number of larger ones, and so may its
 * transparency.
 *
 * @param maxPixels most pixels of one coded image, and of the parts of an image that is made of others
 * @throws CorruptImageError, ImageTooManyPixelsError
 */
export async function checkAvif (reader: Reader, label: string, maxPixels: number): Promise<void> {
  let items: Map<number, Item>
  try {
    items = await readContainer(reader, label)
  } catch (error) {
    // A number where the bytes end.
    if (error instanceof RangeError) throw damaged(label)
    throw error
  }

  for (const { size } of items.values()) {
    if (!size || size.width * size.height <= maxPixels) continue
    const { width, height } = size
    const details = { width, height, max_pixels: maxPixels }
    throw withDetails(new ImageTooManyPixelsError(avifLabel(label), width, height, maxPixels), details)
  }
  checkParts(items, label, maxPixels)
}

/** The name of an image in a sentence about the limit of AVIF. */
export function avifLabel (label: string): { en: string, zh: string } {
  return { en: `${label}, an AVIF,`, zh: `${label}（AVIF）` }
}

const damaged = (label: string) => new CorruptImageError(label, 'its header is truncated or damaged')

/** @throws CorruptImageError, RangeError */
async function readContainer (reader: Reader, label: string): Promise<Map<number, Item>> {
  const inner = boundInnerBoxes(label)
  const { meta, movies } = await findBoxes(reader, label)
  const items = await readItems(reader, meta, label, inner)
  const entries = boundTableEntries(label)
  for (const movie of movies) await checkTracks(reader, movie, inner, entries)

  const units = new Bound(label, MAX_AVIF_UNITS, {
    en: `its images have more than ${MAX_AVIF_UNITS} units of coded pixels together`,
    zh: `各图片的编码单元（OBU）合计超过 ${MAX_AVIF_UNITS} 个`
  })
  const text = boundText(label)
  for (const { type, extents, parts, size } of items.values()) {
    // libheif decodes an `av01` whatever the header says of its parts.
    if (size && (type === 'av01' || parts.length === 0)) await checkFrames(reader, extents, label, units)
    // libvips reads the XMP of one image.
    if (type === 'mime') text.check(lengthOf(extents))
  }
  return items
}

/** The boxes of a file that matter: the header, and those of image sequences. */
async function findBoxes (reader: Reader, label: string): Promise<{ meta: Box, movies: Box[] }> {
  const boxes = new Bound(label, MAX_AVIF_BOXES, {
    en: `it has more than ${MAX_AVIF_BOXES} boxes`, zh: `box 超过 ${MAX_AVIF_BOXES} 个`
  })
  let meta: Box | null = null
  const movies: Box[] = []
  for await (const box of boxesOf(reader, { start: 0, end: reader.size }, { cut: true })) {
    boxes.add()
    // Of two, or of the short form of one, it would be uncertain which is read.
    if (box.type === 'mini' || (box.type === 'meta' && meta)) throw damaged(label)
    if (box.type === 'meta') meta = box
    if (box.type === 'moov') movies.push(box)
  }
  if (!meta) throw damaged(label)
  return { meta, movies }
}

/** The cost of decoding an image. */
interface Cost { pixels: number, parts: number }

/** @throws CorruptImageError for an image whose parts, and theirs, are too large or too many */
function checkParts (items: Map<number, Item>, label: string, maxPixels: number): void {
  const allParts = new Bound(label, MAX_AVIF_PARTS_OF_IMAGE, {
    en: `it has more than ${MAX_AVIF_PARTS_OF_IMAGE} parts in one image`,
    zh: `一张图片的组成部分超过 ${MAX_AVIF_PARTS_OF_IMAGE} 个`
  })
  const allPixels = new Bound(label, maxPixels, {
    en: `its parts have more than ${maxPixels} pixels together`, zh: `其各部分合计超过 ${maxPixels} 像素`
  })
  const known = new Map<number, Cost | 'being added up'>()
  const costOf = (id: number): Cost => {
    const item = items.get(id)
    if (!item) return { pixels: 0, parts: 0 }
    const before = known.get(id)
    // No image is a part of itself.
    if (before === 'being added up') throw damaged(label)
    if (before) return before
    known.set(id, 'being added up')
    const cost = { pixels: 0, parts: 0 }
    for (const part of item.parts) {
      const { pixels, parts } = costOf(part)
      cost.pixels += pixels
      cost.parts += parts + 1
    }
    if (item.size) cost.pixels = Math.max(cost.pixels, item.size.width * item.size.height)
    allPixels.check(cost.pixels)
    allParts.check(cost.parts)
    known.set(id, cost)
    return cost
  }
  for (const id of items.keys()) costOf(id)
}

/** Counts the frames of a coded image (AV1 specification, 5.3). */
async function checkFrames (reader: Reader, extents: Extent[], label: string, units: Bound): Promise<void> {
  const total = lengthOf(extents)
  const frames = new Bound(label, MAX_AVIF_FRAMES, {
    en: `it has more than ${MAX_AVIF_FRAMES} frames in one image`, zh: `一张图片中的帧超过 ${MAX_AVIF_FRAMES} 个`
  })
  for (let at = 0; at < total;) {
    const head = await headAt(reader, extents, at, units)
    if (head.length === 0) return
    // Decoders skip zeros between frames.
    if (head[0] === 0) {
      const zeros = head.findIndex(byte => byte !== 0)
      at += zeros === -1 ? head.length : zeros
      continue
    }
    // A bit that is zero, four of the type, whether there is another byte and whether there is a length, and one more.
    const type = head[0]! >> 3
    const extended = head[0]! >> 2 & 1
    const hasLength = (head[0]! >> 1 & 1) === 1
    // A unit of such a stream has a length.
    if (type > 15 || !hasLength) throw damaged(label)
    const length = readLength(head, 1 + extended)
    at += 1 + extended + length.bytes + length.value
    if (type === FRAME || type === FRAME_HEADER) frames.add()
  }
}

const lengthOf = (extents: Extent[]) => extents.reduce((sum, { length }) => sum + length, 0)

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

/** The head of a unit, which may be split over several extents; it is shorter at the end of the file. */
async function headAt (reader: Reader, extents: Extent[], start: number, units: Bound): Promise<Buffer> {
  const found: Buffer[] = []
  let at = start
  let left = HEAD_BYTES
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
