/** Rounds to a tenth of a millisecond. */
export const toTenths = (ms: number) => Math.round(ms * 10) / 10

/** Measures milliseconds since the start and since the last lap, rounded to a tenth. */
export function createClock () {
  const started = performance.now()
  let mark = started
  return {
    lap () {
      const now = performance.now()
      const ms = now - mark
      mark = now
      return toTenths(ms)
    },
    total: () => toTenths(performance.now() - started)
  }
}
