import { generator } from '../../lib/random.ts'

/** Random decisions from a seed. The same calls in the same order give the same results. */
export interface Draw {
  /** An integer from 0 to below the argument. */
  integer (below: number): number
  /** An integer from `low` to `high`, both included. */
  between (low: number, high: number): number
  /** True with this probability, 0 to 1. */
  chance (share: number): boolean
  pick<T> (items: readonly T[]): T
  /** The items in a random order. */
  shuffled<T> (items: readonly T[]): T[]
  bytes (count: number): Buffer
}

/** Longer byte sequences repeat after this many bytes, so that they are made faster than they are sent. */
const BLOCK = 4096
/** Separates the draws of neighbouring seeds. */
const STRIDE = 1_000_003

/** @param number index of the draw: request 7 draws the same whatever request 6 has drawn */
export function createDraw (seed: number, number: number): Draw {
  const random = generator(Math.imul(seed, STRIDE) + number)
  const integer = (below: number) => Math.floor(random() * below)

  function shuffled<T> (items: readonly T[]): T[] {
    const left = [...items]
    return items.map(() => left.splice(integer(left.length), 1)[0]!)
  }

  return {
    integer,
    between: (low, high) => low + integer(high - low + 1),
    chance: share => random() < share,
    pick: items => items[integer(items.length)]!,
    shuffled,
    bytes: count => Buffer.alloc(
      count, Buffer.from(Uint8Array.from({ length: Math.max(1, Math.min(count, BLOCK)) }, () => integer(256)))
    )
  }
}
