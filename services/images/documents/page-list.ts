/**
 * Reads a list of pages. Pages that are repeated count once.
 * @param text matches the pattern of `PagesSchema`
 * @param most the list ends after one page more than this, so that a long range costs nothing
 * @returns the pages in the order of the list; null if a range is empty or a page is 0
 * @example
 * readPageList('1-3, 7', 8) // [1, 2, 3, 7]
 */
export function readPageList (text: string, most: number): number[] | null {
  const pages = new Set<number>()
  for (const range of text.split(',')) {
    const [first = 0, last = first] = range.split('-').map(Number)
    if (first < 1 || last < first) return null
    for (let page = first; page <= last && pages.size <= most; page++) pages.add(page)
  }
  return [...pages]
}
