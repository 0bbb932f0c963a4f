import { Type, type Static } from 'typebox'
import { InvalidFieldError } from '../../errors/catalogue.ts'
import type { AnswerFormat } from '../engine/engine.ts'
import type { Constraint } from './request.ts'

/** OpenAI's `response_format`. Source: OpenAI's API reference, chat completions. */
export const ResponseFormatSchema = Type.Union([
  Type.Object({ type: Type.Literal('text') }, { additionalProperties: false }),
  Type.Object({ type: Type.Literal('json_object') }, { additionalProperties: false }),
  Type.Object({
    type: Type.Literal('json_schema'),
    json_schema: Type.Object({
      name: Type.String({ minLength: 1, maxLength: 64 }),
      description: Type.Optional(Type.String()),
      schema: Type.Union([Type.Object({}, { additionalProperties: true }), Type.Boolean()], {
        description: 'What the answer validates against; a keyword that cannot be enforced is refused'
      }),
      strict: Type.Optional(Type.Union([Type.Boolean(), Type.Null()], { description: 'The schema is always enforced' }))
    }, { additionalProperties: false })
  }, { additionalProperties: false })
], {
  title: 'ResponseFormat',
  description: 'Enforced by grammar: the answer is JSON and validates, unless `finish_reason` is `length`. In a form: JSON as text'
})
export type ResponseFormat = Static<typeof ResponseFormatSchema>

/**
 * What an answer has to obey; null for free text.
 * @throws InvalidFieldError when a stop string may cut the answer off as well
 */
export function toConstraint (format: ResponseFormat | undefined, stop: string[] | undefined): Constraint | null {
  if (format === undefined || format.type === 'text') return null
  if (stop !== undefined && stop.length > 0) {
    throw new InvalidFieldError('response_format', 'cannot be combined with "stop"')
  }
  return { type: 'format', format: format satisfies AnswerFormat }
}
