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
export const MAX_HEIF_BOXES = 100
/** Maximum number of parts of one image, including parts of parts. libheif creates a decoder for each part. */
export const MAX_HEIF_PARTS_OF_IMAGE = 1000

/** The formats that share the container HEIF. */
export type HeifFormat = 'avif' | 'heic'

export interface HeifLimits {
  /** Maximum pixels of one coded image. */
  maxPixels: number
  /** Maximum pixels of all parts of one image together. */
  maxPartPixels: number
}

/**
 * Checks the container of an AVIF or HEIC. libheif limits the pixels of each coded image to the size in its `ispe` box.
 * It does not compare that size with the size of the displayed image. The displayed image, or its transparency, can
 * consist of any number of larger images.
 *
 * @param label the name of the file in messages, e.g. `images[1] ("dog.jpg")`
 * @param checkCoded checks the bytes of each coded image
 * @throws CorruptImageError, ImageTooManyPixelsError
 */
export async function checkHeif (
  format: HeifFormat, reader: Reader, label: string, { maxPixels, maxPartPixels }: HeifLimits,
  checkCoded?: (extents: Extent[]) => Promise<void>
): Promise<void> {
  let items: Map<number, Item>
  try {
    items = await readContainer(reader, label, checkCoded)
  } catch (error) {
    // The file ends within a number.
    if (error instanceof RangeError) throw damaged(label)
    throw error
  }

  for (const { size } of items.values()) {
    if (!size || size.width * size.height <= maxPixels) continue
    const { width, height } = size
    const details = { width, height, max_pixels: maxPixels }
    throw withDetails(new ImageTooManyPixelsError(heifLabel(format, label), width, height, maxPixels), details)
  }
  checkParts(items, label, maxPartPixels)
}

/**
 * Returns the label of a file for messages about the pixel limit of AVIF and HEIC, which is lower than that of other
 * formats.
 */
export function heifLabel (format: HeifFormat, label: string): Phrase {
  return format === 'avif'
    ? { en: `${label}, an AVIF,`, zh: `${label}（AVIF）` }
    : { en: `${label}, a HEIC,`, zh: `${label}（HEIC）` }
}

/** Returns the error for a header that is damaged or ambiguous. */
export const damaged = (label: string) => new CorruptImageError(label, IMAGE_FAULTS.damagedHeader)

export const lengthOf = (extents: Extent[]) => extents.reduce((sum, { length }) => sum + length, 0)

/**
 * Reads the items of the header and counts everything that has a limit.
 * @throws CorruptImageError, RangeError
 */
async function readContainer (
  reader: Reader, label: string, checkCoded?: (extents: Extent[]) => Promise<void>
): Promise<Map<number, Item>> {
  const inner = boundInnerBoxes(label)
  const { meta, movies } = await findBoxes(reader, label)
  const items = await readItems(reader, meta, label, inner)
  const entries = boundTableEntries(label)
  for (const movie of movies) await checkTracks(reader, movie, inner, entries)

  const text = boundText(label)
  for (const { type, extents, parts, size } of items.values()) {
    // libheif decodes an `av01` item even if the header gives it parts.
    if (size && (type === 'av01' || parts.length === 0)) await checkCoded?.(extents)
    // libvips reads the XMP of only one image, so the sizes are not added.
    if (type === 'mime') text.check(lengthOf(extents))
  }
  return items
}

/** Finds the header (`meta`) and the boxes of image sequences (`moov`). */
async function findBoxes (reader: Reader, label: string): Promise<{ meta: IsoBox, movies: IsoBox[] }> {
  const boxes = new Bound(label, MAX_HEIF_BOXES, {
    en: `it has more than ${MAX_HEIF_BOXES} boxes`, zh: `box 超过 ${MAX_HEIF_BOXES} 个`
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
  const allParts = new Bound(label, MAX_HEIF_PARTS_OF_IMAGE, {
    en: `it has more than ${MAX_HEIF_PARTS_OF_IMAGE} parts in one image`,
    zh: `一张图片的组成部分超过 ${MAX_HEIF_PARTS_OF_IMAGE} 个`
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
