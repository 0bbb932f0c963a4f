import type { ResponseFormat } from '../../schemas/response-format.ts'
import type { AnswerFormat } from '../engine/engine.ts'
import type { Constraint } from './request.ts'

/**
 * Converts a response format to a constraint; null for free text. A stop string may cut the answer before its JSON is
 * complete, which a client that sends both wants.
 */
export function toConstraint (format: ResponseFormat | undefined): Constraint | null {
  if (format === undefined || format.type === 'text') return null
  return { type: 'format', format: format satisfies AnswerFormat }
}
