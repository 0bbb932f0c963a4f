/** What all conversions of a request together may cost, in steps of a microsecond or so. */
const MAX_WORK = 250_000
/** Length of all grammars of a request together, in UTF-16 units; llama.cpp reads this much in some 20 ms. */
export const MAX_GRAMMAR_LENGTH = 200_000

/** Thrown where something would get too large or take too long. */
export class TooComplex extends Error {}

/** Conversions wait for nothing, so those of two requests never overlap. */
let left = 0
let lengthLeft = 0

/** Begins the conversions of a request. */
export function startWork (): void {
  left = MAX_WORK
  lengthLeft = MAX_GRAMMAR_LENGTH
}

/** @throws TooComplex when all was spent */
export function spend (steps: number): void {
  left -= steps
  if (left < 0) throw new TooComplex()
}

/**
 * Enters a finished grammar.
 * @throws TooComplex when it is longer than what is left; the budget is unchanged then
 */
export function spendLength (length: number): void {
  if (length > lengthLeft) throw new TooComplex()
  lengthLeft -= length
}
