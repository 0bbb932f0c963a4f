import { Type, type Static } from 'typebox'

/** `response_format` of both APIs. Source: OpenAI's API reference, chat completions. */
export const ResponseFormatSchema = Type.Union([
  Type.Object({ type: Type.Literal('text') }, { additionalProperties: false }),
  Type.Object({ type: Type.Literal('json_object') }, { additionalProperties: false }),
  Type.Object({
    type: Type.Literal('json_schema'),
    json_schema: Type.Object({
      name: Type.String({ minLength: 1, maxLength: 64 }),
      description: Type.Optional(Type.String()),
      schema: Type.Union([Type.Object({}, { additionalProperties: true }), Type.Boolean()], {
        description: 'The schema that the answer follows; a keyword that cannot be enforced is refused'
      }),
      strict: Type.Optional(Type.Union([Type.Boolean(), Type.Null()], {
        description: 'Has no effect: the schema is always enforced'
      }))
    }, { additionalProperties: false })
  }, { additionalProperties: false })
], {
  title: 'ResponseFormat',
  // Generators send unions without a type as text.
  type: 'object',
  description: 'Enforced by a grammar: the answer is JSON that follows the schema, unless `finish_reason` is ' +
    '`length`. In a form: JSON as text'
})
export type ResponseFormat = Static<typeof ResponseFormatSchema>
