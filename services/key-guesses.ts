import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'

/** Slows down clients that try many API keys. */
export interface KeyGuesses {
  /**
   * Counts the wrong keys of an address. After too many, every key that is new there is refused, even a valid one,
   * because the answer would confirm a guess. Keys that were valid from the address before still work, so that an
   * attacker behind the same proxy does not lock out other clients.
   * @param name the client's name, or null if the key is wrong
   * @returns seconds to wait, or 0 if the key may be used
   */
  judge (address: string, key: string, name: string | null): number
}

export interface KeyGuessesOptions {
  /** Different wrong keys that an address may send per window. A repeated key is a mistake and counts once. */
  limit: number
  /** Length of a window in milliseconds. It starts with the first wrong key. */
  windowMs: number
  /** Number of addresses, and of pairs of address and valid key, to remember. */
  remembered: number
}

export function createKeyGuesses ({ limit, windowMs, remembered }: KeyGuessesOptions): KeyGuesses {
  /** Hashes of the wrong keys of each address. An entry lives for one window. */
  const wrongKeys = new LRUCache<string, Set<string>>({ max: remembered, ttl: windowMs })
  /** Pairs of an address and the name of a client whose key was valid from there. */
  const validPairs = new LRUCache<string, true>({ max: remembered })

  function addWrong (address: string, key: string): void {
    const keys = wrongKeys.get(address) ?? new Set<string>()
    if (keys.size === 0) wrongKeys.set(address, keys)
    // Hashed, because a wrong key may be a valid key with a typing error.
    keys.add(createHash('sha256').update(key).digest('base64'))
  }

  return {
    judge (address, key, name) {
      const pair = `${address} ${name}`
      const isGuessing = (wrongKeys.get(address)?.size ?? 0) >= limit
      if (name !== null && (!isGuessing || validPairs.has(pair))) validPairs.set(pair, true)
      else if (isGuessing) return Math.ceil(wrongKeys.getRemainingTTL(address) / 1000)
      else addWrong(address, key)
      return 0
    }
  }
}
