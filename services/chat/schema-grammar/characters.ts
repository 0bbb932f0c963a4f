/** Inclusive code points. A set of characters is a list of ranges that ascend and do not touch. */
export type Range = readonly [low: number, high: number]

// Half of a surrogate pair is no character: UTF-8 cannot say it.
export const ALL: readonly Range[] = [[0, 0xd7ff], [0xe000, 0x10ffff]]

/** The set that a list of ranges in any order describes. */
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

/** All characters but those of a set. */
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
