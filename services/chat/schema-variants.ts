type Json = Record<string, unknown>

/** Keywords for which null is a value. */
const NULLABLE = new Set(['const', 'default', 'example', 'examples'])
/** Keywords whose values are no schemas. */
const DATA = new Set([...NULLABLE, 'enum', 'required', 'dependentRequired', 'type'])
/** Keywords that map names to schemas. PHP writes empty ones as empty lists. */
const MAPS = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas', 'dependencies'])

/**
 * Converts a JSON schema as clients write it: null for keywords that are not set, and empty lists for empty objects
 * (PHP). Other values stay as they are.
 */
export function translateSchema (schema: unknown): unknown {
  if (!isObject(schema)) return schema
  return Object.fromEntries(Object.entries(schema).flatMap(([keyword, value]) =>
    value === null && !NULLABLE.has(keyword) ? [] : [[keyword, translateKeyword(keyword, value)]]))
}

function translateKeyword (keyword: string, value: unknown): unknown {
  if (DATA.has(keyword)) return value
  if (MAPS.has(keyword)) {
    if (Array.isArray(value) && value.length === 0) return {}
    if (!isObject(value)) return value
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, translateSchema(inner)]))
  }
  return Array.isArray(value) ? value.map(translateSchema) : translateSchema(value)
}

function isObject (value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
