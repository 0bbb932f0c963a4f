import { SightlineError } from '../../errors/catalogue.ts'

/** An error as a client gets it. */
export interface Refusal {
  code: string
  status: number
  message: string
  details: SightlineError['details']
}

/**
 * Returns the error of a function that must refuse.
 * @throws if the function returns, or throws another kind of error
 */
export function errorOf (work: () => unknown): SightlineError {
  try {
    work()
  } catch (error) {
    if (error instanceof SightlineError) return error
    throw error
  }
  throw new Error('nothing is refused')
}

/** Returns the parts of that error that clients see. */
export function refusalOf (work: () => unknown): Refusal {
  const { code, statusCode, message, details } = errorOf(work)
  return { code, status: statusCode, message, details }
}
