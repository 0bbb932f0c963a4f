import type { Size } from '../plan.ts'
import { Bound } from './bound.ts'
import { innerBoxesOf, readContent, readFull, type IsoBox } from './boxes.ts'
import type { Reader } from './reader.ts'

/** A piece of an item: its offset and its length in the file, in bytes. */
export interface Extent { start: number, length: number }

/**
 * An item of a HEIF container (ISO 23008-12): a coded image, an image that consists of other images, or other data such
 * as Exif.
 */
export interface Item {
  /** The type in the header, e.g. `av01`, `grid` or `Exif`; empty if the header has none. */
  type: string
  /** The size in pixels that the header claims; null if the item is not an image. */
  size: Size | null
  /** Ids of the items of which this image consists, in order. An id can occur several times. */
  parts: number[]
  extents: Extent[]
}

/** Maximum number of items. libheif has the same limit. */
export const MAX_HEIF_ITEMS = 1000
/** Maximum number of extents of all items together. An image has one for each layer of detail, other items have one. */
export const MAX_HEIF_EXTENTS = 3000
/** Maximum number of extents of one item. libheif accepts 32. */
const MAX_EXTENTS_OF_ITEM = 64
/** Maximum number of parts of all images together, e.g. the tiles of a grid and of its transparency. */
export const MAX_HEIF_PARTS = 5000
/** Maximum number of associations of items with properties. A thousand items have about 10000. */
export const MAX_HEIF_ASSOCIATIONS = 20_000
/**
 * Maximum size of the data that items share. Encoders store equal tiles once. libheif copies shared data for each item,
 * up to 2 GB.
 */
export const MAX_HEIF_SHARED_MIB = 32

/**
 * Reads the items in the header of a HEIF container.
 *
 * @param meta the box that contains the header
 * @param label the name of the file in messages
 * @param inner counts the nested boxes of the whole file
 * @returns the items by their ids
 * @throws CorruptImageError when a count exceeds its limit
 * @throws RangeError for a malformed or ambiguous header
 */
export async function readItems (
  reader: Reader, meta: IsoBox, label: string, inner: Bound
): Promise<Map<number, Item>> {
  // A version and flags come before the boxes.
  const boxes = await innerBoxesOf(reader, { ...meta, start: meta.start + 4 }, inner)
  const bounds = boundsOf(label, reader.size)
  const items = new Map<number, Item>()
  const header: Header = {
    reader,
    inner,
    bounds,
    one: type => onlyOne(boxes, type),
    itemOf (id) {
      const known = items.get(id)
      if (known) return known
      bounds.items.add()
      const item = { type: '', size: null, parts: [], extents: [] }
      items.set(id, item)
      return item
    }
  }

  await readTypes(header)
  await readLocations(header)
  await readReferences(header)
  await readSizes(header)
  return items
}

/** State while the header of one file is read. */
interface Header {
  reader: Reader
  inner: Bound
  bounds: ReturnType<typeof boundsOf>
  /** Returns the box of this type, or null. */
  one (type: string): IsoBox | null
  /** Returns the item with this id. The first call creates it. */
  itemOf (id: number): Item
}

function boundsOf (label: string, fileBytes: number) {
  return {
    items: new Bound(label, MAX_HEIF_ITEMS, {
      en: `it has more than ${MAX_HEIF_ITEMS} items`, zh: `item 超过 ${MAX_HEIF_ITEMS} 个`
    }),
    extents: new Bound(label, MAX_HEIF_EXTENTS, {
      en: `its items have more than ${MAX_HEIF_EXTENTS} extents together`,
      zh: `各 item 的 extent 合计超过 ${MAX_HEIF_EXTENTS} 个`
    }),
    bytes: new Bound(label, fileBytes + MAX_HEIF_SHARED_MIB * 1024 * 1024, {
      en: `its items share more than ${MAX_HEIF_SHARED_MIB} MiB`, zh: `各 item 共用的数据超过 ${MAX_HEIF_SHARED_MIB} MiB`
    }),
    parts: new Bound(label, MAX_HEIF_PARTS, {
      en: `its images have more than ${MAX_HEIF_PARTS} parts together`, zh: `各图片的组成部分合计超过 ${MAX_HEIF_PARTS} 个`
    }),
    associations: new Bound(label, MAX_HEIF_ASSOCIATIONS, {
      en: `it associates items with properties more than ${MAX_HEIF_ASSOCIATIONS} times`,
      zh: `item 与属性的关联超过 ${MAX_HEIF_ASSOCIATIONS} 个`
    })
  }
}

/** Returns the box of this type, or null. It throws if there are two, because it is uncertain which a decoder reads. */
function onlyOne (boxes: IsoBox[], type: string): IsoBox | null {
  const found = boxes.filter(box => box.type === type)
  if (found.length > 1) throw new RangeError('A box occurs twice')
  return found[0] ?? null
}

/** Reads the type of each item from `iinf` (ISO 14496-12, 8.11.6). */
async function readTypes ({ reader, inner, one, itemOf }: Header): Promise<void> {
  const iinf = one('iinf')
  if (!iinf) return
  const { version } = await readFull(reader, { start: iinf.start, end: iinf.start + 4 })
  const boxes = await innerBoxesOf(reader, { start: iinf.start + (version === 0 ? 6 : 8), end: iinf.end }, inner)
  for (const { type, start, end } of boxes) {
    if (type !== 'infe') continue
    const { version, content } = await readFull(reader, { start, end: Math.min(end, start + 14) })
    // Older versions have no type. libheif does not read such items as images.
    if (version < 2) continue
    const item = itemOf(content.number(version === 2 ? 2 : 4))
    // Two bytes for the protection of the item follow.
    content.number(2)
    if (item.type !== '') throw new RangeError('An item has two types')
    const name = Buffer.alloc(4)
    name.writeUInt32BE(content.number(4))
    item.type = name.toString('latin1')
  }
}

/** Reads the extents of each item from `iloc` (ISO 14496-12, 8.11.3). */
async function readLocations ({ reader, bounds, one, itemOf }: Header): Promise<void> {
  const iloc = one('iloc')
  const idat = one('idat')
  if (!iloc) return
  const { version, content } = await readFull(reader, iloc)
  if (version > 2) throw new RangeError('Item locations of an unknown version')
  const sizes = content.number(1)
  const moreSizes = content.number(1)
  const wide = version === 2 ? 4 : 2
  const count = content.number(wide)
  bounds.items.check(count)
  for (let i = 0; i < count; i++) {
    const item = itemOf(content.number(wide))
    const method = version === 0 ? 0 : content.number(2) & 15
    content.number(2)
    const base = content.number(moreSizes >> 4)
    const extents = content.number(2)
    if (method > 1 || extents > MAX_EXTENTS_OF_ITEM || item.extents.length > 0) {
      throw new RangeError('The location of an item is not supported')
    }
    bounds.extents.add(extents)
    const place = method === 0 ? { start: 0, end: reader.size } : idat
    for (let i = 0; i < extents; i++) {
      if (version > 0) content.number(moreSizes & 15)
      const start = base + content.number(sizes >> 4)
      const length = content.number(sizes & 15)
      if (!place || place.start + start > place.end) throw new RangeError('An item starts after the end of its data')
      // Bytes that are missing cause an error when the item is decoded.
      const rest = place.end - place.start - start
      const there = Math.min(length, rest)
      bounds.bytes.add(there)
      // A length of 0 means the rest of the data. libheif does not copy it.
      item.extents.push({ start: place.start + start, length: length === 0 ? rest : there })
    }
  }
}

/** Reads the parts of images that consist of other images from `iref` (ISO 14496-12, 8.11.12). */
async function readReferences ({ reader, inner, bounds, one, itemOf }: Header): Promise<void> {
  const iref = one('iref')
  if (!iref) return
  const { version } = await readFull(reader, { start: iref.start, end: iref.start + 4 })
  const wide = version === 0 ? 2 : 4
  for (const box of await innerBoxesOf(reader, { start: iref.start + 4, end: iref.end }, inner)) {
    if (box.type !== 'dimg') continue
    const content = await readContent(reader, box)
    const { parts } = itemOf(content.number(wide))
    const count = content.number(2)
    bounds.parts.add(count)
    for (let i = 0; i < count; i++) parts.push(content.number(wide))
  }
}

/** Reads the sizes of items from their properties in `iprp` (HEIF, 9.3). */
async function readSizes ({ reader, inner, bounds, one, itemOf }: Header): Promise<void> {
  const iprp = one('iprp')
  if (!iprp) return
  const boxes = await innerBoxesOf(reader, iprp, inner)
  const ipco = onlyOne(boxes, 'ipco')
  const properties = ipco ? await innerBoxesOf(reader, ipco, inner) : []
  const sizes = new Map<number, Size>()
  for (const [index, box] of properties.entries()) {
    if (box.type !== 'ispe') continue
    const { content } = await readFull(reader, box)
    // Indices count from 1.
    sizes.set(index + 1, { width: content.number(4), height: content.number(4) })
  }

  for (const box of boxes.filter(({ type }) => type === 'ipma')) {
    const { version, flags, content } = await readFull(reader, box)
    const wide = flags & 1
    for (let entries = content.number(4); entries > 0; entries--) {
      const item = itemOf(content.number(version === 0 ? 2 : 4))
      const count = content.number(1)
      // An entry without associations also takes time.
      bounds.associations.add(Math.max(1, count))
      for (let i = 0; i < count; i++) {
        const index = wide ? content.number(2) & 0x7fff : content.number(1) & 0x7f
        const size = sizes.get(index)
        if (size && (!item.size || size.width * size.height > item.size.width * item.size.height)) item.size = size
      }
    }
  }
}
