/** Budget of all conversions of a request, in steps of about a microsecond. */
const MAX_WORK = 250_000
/** Length of all grammars of a request together, in UTF-16 units. llama.cpp parses this many in about 20 ms. */
export const MAX_GRAMMAR_LENGTH = 200_000

/** Thrown when the budget or a limit of the conversion is exceeded. */
export class TooComplex extends Error {}

// Conversions are synchronous, so conversions of two requests never overlap.
let left = 0
let lengthLeft = 0

/** Resets the budget for the conversions of a request, or for other work with schemas. */
export function startWork (steps: number = MAX_WORK): void {
  left = steps
  lengthLeft = MAX_GRAMMAR_LENGTH
}

/** @throws TooComplex when the budget is used up */
export function spend (steps: number): void {
  left -= steps
  if (left < 0) throw new TooComplex()
}

/**
 * Subtracts the length of a finished grammar from the budget.
 * @throws TooComplex when the grammar is longer than the rest of the budget, which then stays unchanged
 */
export function spendLength (length: number): void {
  if (length > lengthLeft) throw new TooComplex()
  lengthLeft -= length
}
