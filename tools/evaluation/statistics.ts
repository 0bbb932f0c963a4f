/** Two-sided 95 % quantile of the normal distribution. */
const Z95 = 1.959964

/**
 * 95 % confidence interval of a share, without continuity correction.
 * Source: Wilson (1927), Probable inference, the law of succession, and statistical inference.
 * @returns [low, high], from 0 to 1; [0, 1] if `total` is 0
 */
export function wilson (right: number, total: number): [low: number, high: number] {
  if (total === 0) return [0, 1]
  const share = right / total
  const square = Z95 ** 2 / total
  const centre = share + square / 2
  const margin = Z95 * Math.sqrt(share * (1 - share) / total + square / (4 * total))
  const bound = (value: number) => Math.min(1, Math.max(0, value / (1 + square)))
  // At 0 and 1 the bound is exactly 0 or 1; rounding could miss it.
  return [right === 0 ? 0 : bound(centre - margin), right === total ? 1 : bound(centre + margin)]
}

/** @returns null for an empty list */
export function median (values: number[]): number | null {
  if (values.length === 0) return null
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
