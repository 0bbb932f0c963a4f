/** What one conversion may cost, in steps of a microsecond or so. */
const MAX_WORK = 250_000

/** Thrown where something would get too large or take too long. */
export class TooComplex extends Error {}

/** A conversion waits for nothing, so there is never more than one. */
let left = 0

/** Begins a conversion. */
export function startWork (): void {
  left = MAX_WORK
}

/** @throws TooComplex when all was spent */
export function spend (steps: number): void {
  left -= steps
  if (left < 0) throw new TooComplex()
}
