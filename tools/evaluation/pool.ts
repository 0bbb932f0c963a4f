/**
 * Processes items in order, at most `concurrency` at a time. If one fails, the others are aborted.
 * @returns results in the order of the items
 * @throws the first error, after all work has ended; the reason of `signal`
 */
export async function mapConcurrently<T, R> (
  items: T[], concurrency: number, signal: AbortSignal, work: (item: T, signal: AbortSignal) => Promise<R>
): Promise<R[]> {
  const failure = new AbortController()
  const either = AbortSignal.any([signal, failure.signal])
  const results: R[] = []
  const rest = items.entries()
  await Promise.all(Array.from({ length: concurrency }, async () => {
    for (const [index, item] of rest) {
      if (either.aborted) return
      try {
        results[index] = await work(item, either)
      } catch (error) {
        failure.abort(error)
      }
    }
  }))
  either.throwIfAborted()
  return results
}
