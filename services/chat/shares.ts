/**
 * Shares places out among those who want some. Each gets one more in turn, so that small wishes are fulfilled first.
 * @param wishes how many places each wants; 0 for none
 * @returns null if there is not even one place for each wish
 * @example
 * shareOut([12, 2, 0], 7) // [5, 2, 0]
 */
export function shareOut (wishes: number[], places: number): number[] | null {
  const shares = wishes.map(() => 0)
  let left = places
  for (let isServed = true; isServed && left > 0;) {
    isServed = false
    for (const [index, wish] of wishes.entries()) {
      if (left === 0 || shares[index]! >= wish) continue
      shares[index]!++
      left--
      isServed = true
    }
  }
  return wishes.every((wish, index) => wish === 0 || shares[index]! > 0) ? shares : null
}
