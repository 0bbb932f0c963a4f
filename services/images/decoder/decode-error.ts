/**
 * Why a file was not decoded:
 * - `refused`: the decoder found the file damaged or does not accept it, see `code`;
 * - `crashed`: the decoder failed, which only a damaged file causes;
 * - `slow`, `memory`: the decoder reached the limit of time or memory.
 */
export type DecodeFault = 'refused' | 'crashed' | 'slow' | 'memory'

/** A file that was not decoded. The message is for the log. */
export class DecodeError extends Error {
  readonly fault: DecodeFault
  /** The code with which the decoder refused the file, e.g. `damaged`; empty for other faults. */
  readonly code: string

  constructor (fault: DecodeFault, message: string, code = '') {
    super(message)
    this.fault = fault
    this.code = code
  }
}
