import { generator } from '../../lib/random.ts'

/** Chance, as one seed gives it: the same calls in the same order give the same results. */
export interface Draw {
  /** 0 to below the argument. */
  integer (below: number): number
  /** From the first to the second, both possible. */
  between (low: number, high: number): number
  /** True in this share of all cases, 0 to 1. */
  chance (share: number): boolean
  pick<T> (items: readonly T[]): T
  /** The same items in another order. */
  shuffled<T> (items: readonly T[]): T[]
  bytes (count: number): Buffer
}

/** Longer runs of bytes repeat themselves after so many: making them must cost less than sending them. */
const BLOCK = 4096
/** Keeps the draws of neighbouring numbers of neighbouring seeds apart. */
const STRIDE = 1_000_003

/** @param number which of the seed's draws: that of request 7 does not depend on what request 6 drew */
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
