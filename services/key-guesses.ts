import { createHash } from 'node:crypto'

export interface KeyGuesses {
  /**
   * Counts the wrong keys of an address. While there are too many no key is looked at that is new there, a right one neither: an address that guesses
   * would learn from it. A key that was right from this address before goes on, so that nobody behind the same proxy is locked out.
   * @param name whose key it is, or null for a wrong one
   * @returns seconds to wait, or 0: the key counts for what it is
   */
  judge (address: string, key: string, name: string | null): number
}

export interface KeyGuessesOptions {
  /** Different wrong keys of one address in a window; the same one again is somebody's mistake, and no guess. */
  limit: number
  /** Begins with the first wrong key. */
  windowMs: number
  /** Addresses, and keys that were right from an address, that are remembered; the latest. */
  remembered: number
}

interface Suspect { until: number, keys: Set<string> }

export function createKeyGuesses ({ limit, windowMs, remembered }: KeyGuessesOptions): KeyGuesses {
  const suspects = new Map<string, Suspect>()
  const proven = new Set<string>()

  function suspect (address: string): Suspect | undefined {
    const found = suspects.get(address)
    if (found === undefined || found.until > performance.now()) return found
    suspects.delete(address)
    return undefined
  }

  function addWrong (address: string, key: string): void {
    const { keys } = suspect(address) ?? begin(address)
    // It may be a right one with a slip of the pen.
    keys.add(createHash('sha256').update(key).digest('base64'))
  }

  function begin (address: string): Suspect {
    const begun = { until: performance.now() + windowMs, keys: new Set<string>() }
    suspects.set(address, begun)
    forgetOldest(suspects, remembered)
    return begun
  }

  function addRight (pair: string): void {
    proven.delete(pair)
    proven.add(pair)
    forgetOldest(proven, remembered)
  }

  return {
    judge (address, key, name) {
      const found = suspect(address)
      const guessing = found !== undefined && found.keys.size >= limit
      if (name !== null && (!guessing || proven.has(`${address} ${name}`))) addRight(`${address} ${name}`)
      else if (guessing) return Math.ceil((found.until - performance.now()) / 1000)
      else addWrong(address, key)
      return 0
    }
  }
}

/** Both kinds of collection give their oldest entry first. */
function forgetOldest (entries: Map<string, unknown> | Set<string>, size: number): void {
  if (entries.size <= size) return
  const [oldest] = entries.keys()
  entries.delete(oldest!)
}
