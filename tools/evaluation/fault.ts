/** An error of a schema validation. */
interface SchemaFault { keyword: string, instancePath: string, params: object, message: string }

/** Describes a fault, with the field first: `turns[0].message must be string`. */
export function describeFault ({ keyword, instancePath, params, message }: SchemaFault): string {
  const field = instancePath.slice(1).replace(/\/(\d+)(?=\/|$)/g, '[$1]').replaceAll('/', '.')
  const within = (name: string) => field === '' ? name : `${field}.${name}`
  const { requiredProperties } = params as { requiredProperties?: string[] }
  // TypeBox checks an unknown property against the schema `false`.
  if (keyword === 'boolean') return `${field} is not a field of this format`
  if (keyword === 'required' && requiredProperties) return `${within(requiredProperties[0]!)} is missing`
  if (keyword === 'anyOf') {
    const expected = field.endsWith('.schema') ? 'a JSON schema' : 'a text or a list of texts, none of them empty'
    return `${field} must be ${expected}`
  }
  return `${field === '' ? 'it' : field} ${message}`
}
