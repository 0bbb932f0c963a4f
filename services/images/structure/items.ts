import type { Size } from '../plan.ts'
import { boxesOf, readContent, readFull, type Box } from './boxes.ts'
import type { Reader } from './reader.ts'

/** Where a piece of an item lies in the file, in bytes. */
export interface Extent { start: number, length: number }

/** A picture of a container, coded or made of others, or something beside them (HEIF, ISO 23008-12). */
export interface Item {
  /** Pixels that it claims; null for what is no picture. */
  size: Size | null
  /** Ids of the items that it is made of, in their order, the same one perhaps several times. */
  parts: number[]
  extents: Extent[]
}

/** libheif takes no more. */
const MAX_ITEMS = 1000
const MAX_PROPERTIES = 5000
const MAX_EXTENTS = 64

/**
 * What the header of a HEIF container says of its items, by their ids.
 * @throws RangeError for a header that is not well-formed, ambiguous, or larger than any program writes it
 */
export async function readItems (reader: Reader, meta: Box): Promise<Map<number, Item>> {
  // A version and flags stand before its boxes.
  const boxes = await childrenOf(reader, { ...meta, start: meta.start + 4 }, MAX_ITEMS)
  const one = (type: string) => onlyOne(boxes, type)
  const items = new Map<number, Item>()
  const itemOf = (id: number): Item => {
    const known = items.get(id)
    if (known) return known
    if (items.size === MAX_ITEMS) throw new RangeError('A container has too many items')
    const item = { size: null, parts: [], extents: [] }
    items.set(id, item)
    return item
  }

  await readLocations(reader, one('iloc'), one('idat'), itemOf)
  await readReferences(reader, one('iref'), itemOf)
  await readSizes(reader, one('iprp'), itemOf)
  return items
}

type ItemOf = (id: number) => Item

async function childrenOf (reader: Reader, range: Box, most: number): Promise<Box[]> {
  const found: Box[] = []
  for await (const box of boxesOf(reader, range)) {
    if (found.push(box) > most) throw new RangeError('A box has too many in it')
  }
  return found
}

/** Of two it would be uncertain which one a decoder reads. */
function onlyOne (boxes: Box[], type: string): Box | null {
  const found = boxes.filter(box => box.type === type)
  if (found.length > 1) throw new RangeError('A box is there twice')
  return found[0] ?? null
}

/** `iloc` (ISO 14496-12, 8.11.3). */
async function readLocations (reader: Reader, iloc: Box | null, idat: Box | null, itemOf: ItemOf): Promise<void> {
  if (!iloc) return
  const { version, content } = await readFull(reader, iloc)
  if (version > 2) throw new RangeError('Item locations of an unknown version')
  const sizes = content.number(1)
  const moreSizes = content.number(1)
  const wide = version === 2 ? 4 : 2
  for (let count = content.number(wide); count > 0; count--) {
    const item = itemOf(content.number(wide))
    const method = version === 0 ? 0 : content.number(2) & 15
    content.number(2)
    const base = content.number(moreSizes >> 4)
    const extents = content.number(2)
    if (method > 1 || extents > MAX_EXTENTS || item.extents.length > 0) throw new RangeError('An item lies where none does')
    const place = method === 0 ? { start: 0, end: reader.size } : idat
    for (let i = 0; i < extents; i++) {
      if (version > 0) content.number(moreSizes & 15)
      const start = base + content.number(sizes >> 4)
      const length = content.number(sizes & 15)
      if (!place || place.start + start > place.end) throw new RangeError('An item lies behind the end')
      // No length means the rest; what is missing of one shows when it is decoded.
      const rest = place.end - place.start - start
      item.extents.push({ start: place.start + start, length: length === 0 ? rest : Math.min(length, rest) })
    }
  }
}

/** `iref` (ISO 14496-12, 8.11.12): of what a picture is made. */
async function readReferences (reader: Reader, iref: Box | null, itemOf: ItemOf): Promise<void> {
  if (!iref) return
  const { version } = await readFull(reader, { start: iref.start, end: iref.start + 4 })
  const wide = version === 0 ? 2 : 4
  for (const box of await childrenOf(reader, { ...iref, start: iref.start + 4 }, MAX_ITEMS)) {
    if (box.type !== 'dimg') continue
    const content = await readContent(reader, box)
    const { parts } = itemOf(content.number(wide))
    for (let count = content.number(2); count > 0; count--) parts.push(content.number(wide))
  }
}

/** `iprp` (HEIF, 9.3): properties, of which only sizes matter here, and whose they are. */
async function readSizes (reader: Reader, iprp: Box | null, itemOf: ItemOf): Promise<void> {
  if (!iprp) return
  const boxes = await childrenOf(reader, iprp, MAX_ITEMS)
  const ipco = onlyOne(boxes, 'ipco')
  const properties = ipco ? await childrenOf(reader, ipco, MAX_PROPERTIES) : []
  const sizes = new Map<number, Size>()
  for (const [index, box] of properties.entries()) {
    if (box.type !== 'ispe') continue
    const { content } = await readFull(reader, box)
    // Counted from one.
    sizes.set(index + 1, { width: content.number(4), height: content.number(4) })
  }

  for (const box of boxes.filter(({ type }) => type === 'ipma')) {
    const { version, flags, content } = await readFull(reader, box)
    const wide = flags & 1
    for (let count = content.number(4); count > 0; count--) {
      const item = itemOf(content.number(version === 0 ? 2 : 4))
      for (let associations = content.number(1); associations > 0; associations--) {
        const index = wide ? content.number(2) & 0x7fff : content.number(1) & 0x7f
        const size = sizes.get(index)
        if (size && (!item.size || size.width * size.height > item.size.width * item.size.height)) item.size = size
      }
    }
  }
}
