/** Lists of pages of a PDF, as people and the service write them: `1-3,7`. Pages are counted from 1. */

/** The limit of the service for the digits of a number. */
const RANGE = /^(\d{1,5})(?:\s*-\s*(\d{1,5}))?$/

/**
 * Reads a list of pages. Pages that are repeated count once.
 * @returns the pages in the order of the list; null if the text is no list
 * @example
 * readPageList('7, 1-3') // [7, 1, 2, 3]
 */
export function readPageList (text: string): number[] | null {
  const pages = new Set<number>()
  for (const range of text.trim().split(/\s*[,，、]\s*/)) {
    const [, from, to = from] = RANGE.exec(range) ?? []
    const [first, last] = [Number(from), Number(to)]
    if (!(first >= 1 && last >= first)) return null
    for (let page = first; page <= last; page++) pages.add(page)
  }
  return [...pages]
}

/**
 * Writes a list of pages, in their order.
 * @example
 * writePageList([7, 1, 2, 3]) // '7,1-3'
 */
export function writePageList (pages: readonly number[]): string {
  const ranges: Array<[first: number, last: number]> = []
  for (const page of pages) {
    const range = ranges.at(-1)
    if (range && range[1] + 1 === page) range[1] = page
    else ranges.push([page, page])
  }
  return ranges.map(([first, last]) => first === last ? `${first}` : `${first}-${last}`).join(',')
}
