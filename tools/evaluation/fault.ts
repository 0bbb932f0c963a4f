/** What a schema finds wrong with a value. */
interface SchemaFault { keyword: string, instancePath: string, params: object, message: string }

/** Such a fault as a sentence without its end, the field first: `turns[0].message must be string`. */
export function describeFault ({ keyword, instancePath, params, message }: SchemaFault): string {
  const field = instancePath.slice(1).replace(/\/(\d+)(?=\/|$)/g, '[$1]').replaceAll('/', '.')
  const within = (name: string) => field === '' ? name : `${field}.${name}`
  const { requiredProperties } = params as { requiredProperties?: string[] }
  // TypeBox holds a property that may not be there against the schema `false`.
  if (keyword === 'boolean') return `${field} is no field of this format`
  if (keyword === 'required' && requiredProperties) return `${within(requiredProperties[0]!)} is missing`
  if (keyword === 'anyOf') {
    return `${field} must be ${field.endsWith('.schema')
    ? 'a JSON schema'
    : 'a text or a list of texts, none of them empty'}`
  }
  return `${field === '' ? 'it' : field} ${message}`
}
