import { Bound } from './bound.ts'
import { childrenOf, type Range } from './boxes.ts'
import type { Reader } from './reader.ts'

/**
 * Entries in the tables of image sequences: those of a few thousand frames have 50000. A table may announce millions in
 * a few bytes, libheif reserves memory for each frame, and the time of two of its tables multiplies.
 */
export const MAX_AVIF_TABLE_ENTRIES = 100_000

/** The boxes around the tables of a track, from the outside in (ISO 14496-12, 8). */
const PATH = ['trak', 'mdia', 'minf', 'stbl']
/** The offset of the number of entries in the content of each table. */
const COUNT_AT: Record<string, number> = { stsz: 8, stz2: 8, stts: 4, ctts: 4, stss: 4, stsc: 4, stco: 4, co64: 4 }

/** Counts the entries of all tables of a file. */
export function boundTableEntries (label: string): Bound {
  return new Bound(label, MAX_AVIF_TABLE_ENTRIES, {
    en: `its image sequences have more than ${MAX_AVIF_TABLE_ENTRIES} frames and other table entries`,
    zh: `图像序列的帧与其他表项合计超过 ${MAX_AVIF_TABLE_ENTRIES} 个`
  })
}

/**
 * Looks into a `moov`. libheif reads the tables of all image sequences with the header, even though only the still
 * image is used.
 *
 * @param inner counts the boxes of the whole file
 * @param entries counts the entries of the whole file
 * @throws CorruptImageError, RangeError
 */
export async function checkTracks (
  reader: Reader, range: Range, inner: Bound, entries: Bound, path = PATH
): Promise<void> {
  const [around, ...rest] = path
  for (const box of await childrenOf(reader, range, inner)) {
    const countAt = COUNT_AT[box.type]
    if (around === undefined && countAt !== undefined) {
      const content = await reader.from(box.start, countAt + 4)
      entries.add(content.readUInt32BE(countAt))
    }
    if (box.type === around) await checkTracks(reader, box, inner, entries, rest)
  }
}
