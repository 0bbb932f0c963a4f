/** A range of code points, both ends included. A set of characters is an ascending list of ranges that do not touch. */
export type Range = readonly [low: number, high: number]

/** All characters. Lone surrogates are not characters: UTF-8 cannot encode them. */
export const ALL: readonly Range[] = [[0, 0xd7ff], [0xe000, 0x10ffff]]

/** Returns the set of all characters in a list of ranges in any order. */
export function union (ranges: readonly Range[]): Range[] {
  const result: Array<[number, number]> = []
  for (const [low, high] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const last = result.at(-1)
    if (last && low <= last[1] + 1) last[1] = Math.max(last[1], high)
    else result.push([low, high])
  }
  return result
}

export function intersection (a: readonly Range[], b: readonly Range[]): Range[] {
  return union(a.flatMap(([low, high]) => b.flatMap(([from, to]): Range[] => {
    const range: Range = [Math.max(low, from), Math.min(high, to)]
    return range[0] <= range[1] ? [range] : []
  })))
}

/** Returns all characters that are not in a set. */
export function complement (set: readonly Range[]): Range[] {
  const gaps: Range[] = []
  let next = 0
  for (const [low, high] of set) {
    if (low > next) gaps.push([next, low - 1])
    next = high + 1
  }
  if (next <= 0x10ffff) gaps.push([next, 0x10ffff])
  return intersection(gaps, ALL)
}
