import { CorruptImageError, ImageTooManyPixelsError, withDetails } from '../../../errors/catalogue.ts'
import type { Phrase } from '../../../errors/language.ts'
import { IMAGE_FAULTS } from '../../../errors/phrases.ts'
import { Bound } from './bound.ts'
import { boundInnerBoxes, boxesOf, type IsoBox } from './boxes.ts'
import { readItems, type Extent, type Item } from './items.ts'
import type { Reader } from './reader.ts'
import { boundText } from './text.ts'
import { boundTableEntries, checkTracks } from './tracks.ts'

/** Maximum number of boxes at the top level. Files have a few. The time of libheif grows with the square. */
export const MAX_AVIF_BOXES = 100
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
/** Maximum number of parts of one image, including parts of parts. libheif creates a decoder for each part. */
export const MAX_AVIF_PARTS_OF_IMAGE = 1000

const FRAME_HEADER = 3
const FRAME = 6
/** Size of the header of a unit: two bytes, and a length of up to eight bytes. */
const HEADER_BYTES = 10

/**
 * Checks the container of an AVIF. libheif limits the pixels of each coded image to the size in its `ispe` box. It does
 * not compare that size with the size of the displayed image. The displayed image, or its transparency, can consist of
 * any number of larger images.
 *
 * @param label the name of the file in messages, e.g. `images[1] ("dog.jpg")`
 * @param maxPixels maximum pixels of one coded image, and of all parts of one image together
 * @throws CorruptImageError, ImageTooManyPixelsError
 */
export async function checkAvif (reader: Reader, label: string, maxPixels: number): Promise<void> {
  let items: Map<number, Item>
  try {
    items = await readContainer(reader, label)
  } catch (error) {
    // The file ends within a number.
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

/**
 * Returns the label of a file for messages about the pixel limit of AVIF, which is lower than that of other formats.
 */
export function avifLabel (label: string): Phrase {
  return { en: `${label}, an AVIF,`, zh: `${label}（AVIF）` }
}

const damaged = (label: string) => new CorruptImageError(label, IMAGE_FAULTS.damagedHeader)

/**
 * Reads the items of the header and counts everything that has a limit.
 * @throws CorruptImageError, RangeError
 */
async function readContainer (reader: Reader, label: string): Promise<Map<number, Item>> {
  const inner = boundInnerBoxes(label)
  const { meta, movies } = await findBoxes(reader, label)
  const items = await readItems(reader, meta, label, inner)
  const entries = boundTableEntries(label)
  for (const movie of movies) await checkTracks(reader, movie, inner, entries)

  const units = new Bound(label, MAX_AVIF_UNITS, {
    en: `its images have more than ${MAX_AVIF_UNITS} coded units (OBUs) together`,
    zh: `各图片的编码单元（OBU）合计超过 ${MAX_AVIF_UNITS} 个`
  })
  const text = boundText(label)
  for (const { type, extents, parts, size } of items.values()) {
    // libheif decodes an `av01` item even if the header gives it parts.
    if (size && (type === 'av01' || parts.length === 0)) await checkFrames(reader, extents, label, units)
    // libvips reads the XMP of only one image, so the sizes are not added.
    if (type === 'mime') text.check(lengthOf(extents))
  }
  return items
}

/** Finds the header (`meta`) and the boxes of image sequences (`moov`). */
async function findBoxes (reader: Reader, label: string): Promise<{ meta: IsoBox, movies: IsoBox[] }> {
  const boxes = new Bound(label, MAX_AVIF_BOXES, {
    en: `it has more than ${MAX_AVIF_BOXES} boxes`, zh: `box 超过 ${MAX_AVIF_BOXES} 个`
  })
  let meta: IsoBox | null = null
  const movies: IsoBox[] = []
  for await (const box of boxesOf(reader, { start: 0, end: reader.size }, { cut: true })) {
    boxes.add()
    // With two headers, or a short header (`mini`), it is uncertain which one a decoder reads.
    if (box.type === 'mini' || (box.type === 'meta' && meta)) throw damaged(label)
    if (box.type === 'meta') meta = box
    if (box.type === 'moov') movies.push(box)
  }
  if (!meta) throw damaged(label)
  return { meta, movies }
}

/** The cost of decoding an image. */
interface Cost { pixels: number, parts: number }

/**
 * Limits the pixels and the number of the parts of each image, including parts of parts.
 * @throws CorruptImageError
 */
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
    // The image is a part of itself.
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

const lengthOf = (extents: Extent[]) => extents.reduce((sum, { length }) => sum + length, 0)

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
