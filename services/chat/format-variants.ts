type Json = Record<string, unknown>

/** Name of a schema that a client left nameless. The name has no effect on the answer. */
const NAMELESS = 'answer'

/**
 * Converts the forms in which clients write a response format to OpenAI's: a schema next to `type` (Together, AI SDK,
 * llama-server), `json_object` with a schema, no name, and null for members that are not set. Other values stay as they
 * are, and the schema of the request refuses them.
 */
export function translateFormat (format: unknown): unknown {
  if (!isObject(format)) return format
  const { type, schema, json_schema: own, ...rest } = withoutNulls(format)
  if (type !== 'json_object' && type !== 'json_schema') return format
  if (own === undefined && schema === undefined) return { type, ...rest }
  const wrapped = isObject(own) && 'schema' in own ? withoutNulls(own) : { schema: own ?? schema }
  const { name, strict, description, ...others } = { ...rest, ...wrapped } as Json
  return {
    type: 'json_schema',
    json_schema: {
      name: typeof name === 'string' && name !== '' ? name : NAMELESS,
      ...description !== undefined && { description },
      ...strict !== undefined && { strict },
      ...others
    }
  }
}

function withoutNulls (value: Json): Json {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== null))
}

function isObject (value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
