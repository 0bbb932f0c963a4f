/**
 * Whether two lists can be paired one to one so that every pair fits and nothing is left over.
 * Algorithm: augmenting paths for bipartite matching (Kuhn 1955).
 */
export function matches<A, B> (these: A[], those: B[], fits: (one: A, other: B) => boolean): boolean {
  if (these.length !== those.length) return false
  const edges = these.map(one => those.flatMap((other, index) => fits(one, other) ? [index] : []))
  /** Maps an index of `those` to its partner's index in `these`. */
  const owner = new Map<number, number>()
  const place = (one: number, tried: Set<number>): boolean => edges[one]!.some(other => {
    if (tried.has(other)) return false
    tried.add(other)
    const current = owner.get(other)
    if (current !== undefined && !place(current, tried)) return false
    owner.set(other, one)
    return true
  })
  return these.every((_, one) => place(one, new Set()))
}
