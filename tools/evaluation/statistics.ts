/** Of a normal distribution, for two-sided 95 %. */
const Z95 = 1.959964

/**
 * 95 % interval of a share.
 * Source: Wilson (1927), Probable inference, the law of succession, and statistical inference, without continuity correction.
 * @returns [low, high], 0 to 1; all of it where nothing was counted
 */
export function wilson (right: number, total: number): [low: number, high: number] {
  if (total === 0) return [0, 1]
  const share = right / total
  const square = Z95 ** 2 / total
  const centre = share + square / 2
  const margin = Z95 * Math.sqrt(share * (1 - share) / total + square / (4 * total))
  const bound = (value: number) => Math.min(1, Math.max(0, value / (1 + square)))
  // At the ends the exact bound is the end itself, which rounding would miss.
  return [right === 0 ? 0 : bound(centre - margin), right === total ? 1 : bound(centre + margin)]
}

/** Null of nothing. */
export function median (values: number[]): number | null {
  if (values.length === 0) return null
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
