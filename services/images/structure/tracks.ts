import { Bound } from './bound.ts'
import { innerBoxesOf, type ByteRange } from './boxes.ts'
import type { Reader } from './reader.ts'

/**
 * Maximum number of entries in the tables of image sequences. A few thousand frames need 50000. A table can announce
 * millions of entries in a few bytes. libheif allocates memory for each frame, and its time grows with the product of
 * two tables.
 */
export const MAX_HEIF_TABLE_ENTRIES = 100_000

/** Types of the boxes that contain the tables of a track, outermost first (ISO 14496-12, 8). */
const PATH = ['trak', 'mdia', 'minf', 'stbl']
/** Offset, in the content of each table, of its number of entries. */
const COUNT_AT: Record<string, number> = { stsz: 8, stz2: 8, stts: 4, ctts: 4, stss: 4, stsc: 4, stco: 4, co64: 4 }

/** Counts the table entries of a whole file. */
export function boundTableEntries (label: string): Bound {
  return new Bound(label, MAX_HEIF_TABLE_ENTRIES, {
    en: `its image sequences have more than ${MAX_HEIF_TABLE_ENTRIES} table entries`,
    zh: `图像序列的表项超过 ${MAX_HEIF_TABLE_ENTRIES} 个`
  })
}

/**
 * Counts the table entries in a `moov` box. libheif reads the tables of all image sequences with the header, although
 * only the still image is used.
 *
 * @param range the content of the `moov` box
 * @param inner counts the nested boxes of the whole file
 * @param entries counts the table entries of the whole file
 * @param path types of the boxes that still have to be entered, outermost first
 * @throws CorruptImageError when a count exceeds its limit, RangeError for a malformed box
 */
export async function checkTracks (
  reader: Reader, range: ByteRange, inner: Bound, entries: Bound, path = PATH
): Promise<void> {
  const [outer, ...rest] = path
  for (const box of await innerBoxesOf(reader, range, inner)) {
    const countAt = COUNT_AT[box.type]
    if (outer === undefined && countAt !== undefined) {
      const content = await reader.from(box.start, countAt + 4)
      entries.add(content.readUInt32BE(countAt))
    }
    if (box.type === outer) await checkTracks(reader, box, inner, entries, rest)
  }
}
