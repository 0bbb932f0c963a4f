/** A pseudo-random generator of numbers from 0 to below 1 (mulberry32). The same seed gives the same numbers. */
export function generator (seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let x = Math.imul(seed ^ (seed >>> 15), seed | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A pseudo-random generator of integers from 0 to below its argument. */
export function integers (seed: number): (below: number) => number {
  const random = generator(seed)
  return below => Math.floor(random() * below)
}
