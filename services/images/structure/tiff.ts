import { Bound } from './bound.ts'
import type { Reader } from './reader.ts'
import { boundText } from './text.ts'

/** Maximum number of pages. To count the pages, libvips reads the directories of all pages with their tags. */
export const MAX_TIFF_PAGES = 5000
/**
 * Maximum number of tags of one page. Programs write 12 to 20, a raw photo has about 100. The time of libtiff grows
 * with the square of the unknown tags.
 */
export const MAX_TIFF_TAGS_OF_PAGE = 200
/** Maximum number of tags of all pages. Directories can overlap, so a few kilobytes can contain many pages and tags. */
export const MAX_TIFF_TAGS = 100_000
/**
 * Maximum size of the values that pages share. libtiff reads shared values again for each page: 256 MiB take half a
 * second.
 */
export const MAX_TIFF_SHARED_MIB = 256

const XMP = 700
/** Size in bytes of a value, by the number of its type. libtiff ignores tags of other types. */
const BYTES_OF_TYPE = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8]

/** Sizes in bytes of the fields of a directory, in a TIFF with offsets of 32 bits and in one with 64 bits. */
const CLASSIC = { first: 4, offset: 4, count: 2, entry: 12 } as const
const BIG = { first: 8, offset: 8, count: 8, entry: 20 } as const

/**
 * Counts the pages, tags and values of a TIFF.
 * @param label the name of the file in messages
 * @throws CorruptImageError
 */
export async function checkTiff (reader: Reader, label: string): Promise<void> {
  const head = await reader.from(0, 16)
  if (head.length < 16) return
  const little = head.toString('latin1', 0, 2) === 'II'
  const number = (bytes: Buffer, at: number, size: 2 | 4 | 8): number => {
    if (size === 8) return Number(little ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at))
    return little ? bytes.readUIntLE(at, size) : bytes.readUIntBE(at, size)
  }
  const sizes = number(head, 2, 2) === 43 ? BIG : CLASSIC
  const bounds = boundsOf(label, reader.size)

  /** Counts the bytes of the values to which a directory points. libtiff reads none after the end of the file. */
  const countValues = (entries: Buffer) => {
    for (let at = 0; at < entries.length; at += sizes.entry) {
      const bytes = number(entries, at + 4, sizes.offset) * (BYTES_OF_TYPE[number(entries, at + 2, 2)] ?? 0)
      if (bytes <= sizes.offset) continue
      const start = number(entries, at + 4 + sizes.offset, sizes.offset)
      const there = Math.min(bytes, Math.max(0, reader.size - start))
      bounds.values.add(there)
      // libvips reads the XMP of only one page, so the sizes are not added.
      if (number(entries, at, 2) === XMP) bounds.text.check(there)
    }
  }

  const seen = new Set<number>()
  // libtiff stops at a directory that it has already read.
  for (let at = number(head, sizes.first, sizes.offset); at !== 0 && !seen.has(at);) {
    bounds.pages.add()
    seen.add(at)
    const start = await reader.from(at, sizes.count)
    if (start.length < sizes.count) return
    const tags = number(start, 0, sizes.count)
    bounds.tagsOfPage.check(tags)
    bounds.tags.add(tags)
    const end = sizes.count + tags * sizes.entry
    const directory = await reader.from(at, end + sizes.offset)
    if (directory.length < end + sizes.offset) return
    countValues(directory.subarray(sizes.count, end))
    at = number(directory, end, sizes.offset)
  }
}

function boundsOf (label: string, fileBytes: number) {
  return {
    pages: new Bound(label, MAX_TIFF_PAGES, {
      en: `it has more than ${MAX_TIFF_PAGES} pages`, zh: `页数超过 ${MAX_TIFF_PAGES}`
    }),
    tagsOfPage: new Bound(label, MAX_TIFF_TAGS_OF_PAGE, {
      en: `it has more than ${MAX_TIFF_TAGS_OF_PAGE} tags in one page`, zh: `一页中的标签超过 ${MAX_TIFF_TAGS_OF_PAGE} 个`
    }),
    tags: new Bound(label, MAX_TIFF_TAGS, {
      en: `its pages have more than ${MAX_TIFF_TAGS} tags together`, zh: `各页的标签合计超过 ${MAX_TIFF_TAGS} 个`
    }),
    values: new Bound(label, fileBytes + MAX_TIFF_SHARED_MIB * 1024 * 1024, {
      en: `its pages share more than ${MAX_TIFF_SHARED_MIB} MiB of values`,
      zh: `各页共用的数据超过 ${MAX_TIFF_SHARED_MIB} MiB`
    }),
    text: boundText(label)
  }
}
