import type { FastifySchemaCompiler } from 'fastify'

/**
 * Validates bodies by a function that returns the checked body or throws an error of `errors/catalogue.ts`. Responses
 * are serialized without their schemas, which are only for the OpenAPI document.
 *
 * @param parse checks against the schema that the route documents
 */
export function validateBy (parse: (body: unknown) => unknown) {
  const validate = (body: unknown) => {
    try {
      return { value: parse(body) }
    } catch (error) {
      return { error: error as Error }
    }
  }
  return {
    validatorCompiler: (() => validate) satisfies FastifySchemaCompiler<unknown>,
    serializerCompiler: () => (data: unknown) => JSON.stringify(data)
  }
}
