export type JsonType = 'null' | 'boolean' | 'integer' | 'number' | 'string' | 'array' | 'object'

/** The values that a JSON schema allows, as far as a text can be converted by it. */
export interface AllowedValues {
  types: ReadonlySet<JsonType>
  /** The strings of `enum` and `const`. */
  words: ReadonlySet<string>
}

type Keywords = Readonly<Record<string, unknown>>
/** Returns what the keywords of one schema say by themselves; null if nothing. */
type Own = (keywords: Keywords) => AllowedValues | null

/** Schemas within schemas. The schema is the client's, and this code walks it by recursion. */
const MAX_DEPTH = 100

const NO_WORDS: ReadonlySet<string> = new Set()
const ANYTHING: AllowedValues =
  { types: new Set(['null', 'boolean', 'integer', 'number', 'string', 'array', 'object']), words: NO_WORDS }
const NOTHING: AllowedValues = { types: new Set(), words: NO_WORDS }

/** Returns the types of a value: a whole number is an integer and a number. */
export function typesOf (value: unknown): JsonType[] {
  if (value === null) return ['null']
  if (Array.isArray(value)) return ['array']
  if (typeof value !== 'number') return [typeof value as JsonType]
  return Number.isInteger(value) ? ['integer', 'number'] : Number.isFinite(value) ? ['number'] : []
}

/**
 * Returns a function that finds what a JSON schema allows for a property of its objects. It follows `$ref`, `allOf`,
 * `anyOf` and `oneOf`. A property that the schema does not name is subject to `additionalProperties`; without that, and
 * without types, it may be anything.
 */
export function propertyValues (schema: object | undefined): (name: string) => AllowedValues {
  const root = schema as Keywords | undefined
  const ofSchema = walk(root, ownValues, ANYTHING)
  return name => {
    if (root === undefined) return ANYTHING
    const declared = walk(root, keywords => {
      if (isKeywords(keywords.properties) && Object.hasOwn(keywords.properties, name)) {
        return ofSchema(keywords.properties[name])
      }
      const values = constantsOf(keywords)?.filter(isKeywords).filter(one => Object.hasOwn(one, name))
      return values && values.length > 0 ? ofSchema({ enum: values.map(one => one[name]) }) : null
    }, null)
    const others = walk(root, ({ additionalProperties }) =>
      isKeywords(additionalProperties) ? ofSchema(additionalProperties) : null, null)
    return declared(root) ?? others(root) ?? ANYTHING
  }
}

/**
 * Applies `own` to a schema and to all schemas that apply to the same value.
 * @param otherwise the result for a schema about which nothing is said
 * @returns a function that returns null for a schema that only refers to itself
 */
function walk (
  root: unknown, own: Own, otherwise: AllowedValues | null
): (schema: unknown) => AllowedValues | null {
  const known = new Map<object, AllowedValues | null>()

  function visit (schema: unknown, depth: number): AllowedValues | null {
    if (schema === false) return NOTHING
    if (!isKeywords(schema) || depth > MAX_DEPTH) return otherwise
    if (!known.has(schema)) {
      known.set(schema, null)
      known.set(schema, combine(schema, depth + 1))
    }
    return known.get(schema)!
  }

  function combine (schema: Keywords, depth: number): AllowedValues | null {
    const { $ref: ref, allOf, anyOf, oneOf } = schema
    const all = (schemas: unknown[]) => schemas.map(one => visit(one, depth)).filter(one => one !== null)
    const some = (branches: unknown) => all(listOf(branches)).reduce<AllowedValues | null>(
      (sum, one) => sum === null ? one : either(sum, one), null
    )
    const target = typeof ref === 'string' ? [resolve(root, ref)] : []
    const parts = [own(schema), some(anyOf), some(oneOf), ...all([...target, ...listOf(allOf)])]
      .filter(one => one !== null)
    if (parts.length > 0) return parts.reduce(both)
    return target.length > 0 ? null : otherwise
  }

  return schema => visit(schema, 0)
}

function ownValues (keywords: Keywords): AllowedValues | null {
  const { type, nullable } = keywords
  const types = new Set(listOf(type).filter(one => ANYTHING.types.has(one as JsonType)) as JsonType[])
  if (types.size > 0 && nullable === true) types.add('null')
  if (types.has('number')) types.add('integer')
  const constants = constantsOf(keywords)
  const typed = types.size > 0 ? { types, words: NO_WORDS } : null
  if (constants === null) return typed
  return both(typed ?? ANYTHING, {
    types: new Set(constants.flatMap(typesOf)), words: new Set(constants.filter(one => typeof one === 'string'))
  })
}

function constantsOf (keywords: Keywords): unknown[] | null {
  if (Object.hasOwn(keywords, 'const')) return [keywords.const]
  return Array.isArray(keywords.enum) ? keywords.enum : null
}

function both (a: AllowedValues, b: AllowedValues): AllowedValues {
  const types = new Set([...a.types].filter(type => b.types.has(type)))
  return { types, words: types.has('string') ? new Set([...a.words, ...b.words]) : NO_WORDS }
}

function either (a: AllowedValues, b: AllowedValues): AllowedValues {
  return { types: new Set([...a.types, ...b.types]), words: new Set([...a.words, ...b.words]) }
}

/** Returns the schema at a pointer into the root; undefined if there is none. */
function resolve (root: unknown, ref: string): unknown {
  if (ref !== '#' && !ref.startsWith('#/')) return undefined
  return ref.split('/').slice(1).reduce<unknown>((at, step) => {
    const name = decode(step).replaceAll('~1', '/').replaceAll('~0', '~')
    return typeof at === 'object' && at !== null && Object.hasOwn(at, name)
      ? (at as Record<string, unknown>)[name]
      : undefined
  }, root)
}

function decode (step: string): string {
  try {
    return decodeURIComponent(step)
  } catch {
    return step
  }
}

function listOf (value: unknown): unknown[] {
  return Array.isArray(value) ? value : value === undefined ? [] : [value]
}

function isKeywords (value: unknown): value is Keywords {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
