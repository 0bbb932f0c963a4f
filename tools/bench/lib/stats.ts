/** A percentile by nearest rank. @param share from 0 to 1: 0.99 is the 99th percentile */
export function percentile (values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN
}

export function median (values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  if (Number.isInteger(middle)) return (sorted[middle - 1]! + sorted[middle]!) / 2
  return sorted[Math.floor(middle)]!
}

/** Differences between successive times. */
export function gaps (times: readonly number[]): number[] {
  return times.slice(1).map((time, i) => time - times[i]!)
}
