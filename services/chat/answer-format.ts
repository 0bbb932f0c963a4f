import { InvalidFieldError } from '../../errors/catalogue.ts'
import { FIELD_FAULTS } from '../../errors/phrases.ts'
import type { ResponseFormat } from '../../schemas/response-format.ts'
import type { AnswerFormat } from '../engine/engine.ts'
import type { Constraint } from './request.ts'

/**
 * Converts a response format to a constraint; null for free text.
 * @throws InvalidFieldError if there are stop strings, which could cut the answer off
 */
export function toConstraint (format: ResponseFormat | undefined, stop: string[] | undefined): Constraint | null {
  if (format === undefined || format.type === 'text') return null
  if (stop !== undefined && stop.length > 0) {
    throw new InvalidFieldError('response_format', FIELD_FAULTS.excludesStop)
  }
  return { type: 'format', format: format satisfies AnswerFormat }
}
