/** A small generator of pseudo-random numbers from 0 to 1 (mulberry32): the same seed, the same run. */
export function generator (seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let x = Math.imul(seed ^ (seed >>> 15), seed | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Whole numbers from 0 to below the argument. */
export function integers (seed: number): (below: number) => number {
  const random = generator(seed)
  return below => Math.floor(random() * below)
}
