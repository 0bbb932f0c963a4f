import { isDeepStrictEqual } from 'node:util'
import { InvalidFieldError } from '../../errors/catalogue.ts'
import { OPENAI_FAULTS } from '../../errors/phrases.ts'
import { JsonReader } from '../json-bounds.ts'
import { translateSchema } from './schema-variants.ts'

type Json = Record<string, unknown>

const SCHEMA_KEYWORDS = ['type', 'properties', '$ref', 'anyOf', 'oneOf', 'allOf', 'enum', 'const', 'items', '$defs']

/** Types that mean JSON, with or without a schema. `json` is TGI's. */
const JSON_TYPES = new Set<unknown>(['json_object', 'json_schema', 'json'])

/** Members that contain the schema: OpenAI; Together, AI SDK, llama-server; TGI; Fireworks; Mistral. */
const SCHEMA_MEMBERS = ['json_schema', 'schema', 'value', 'response_schema', 'schema_definition']

/** Those that may contain the object that names the schema instead. */
const WRAPPERS = new Set(['json_schema', 'value'])

/** Name of a schema that a client left nameless. The name has no effect on the answer. */
const NAMELESS = 'answer'

/**
 * Converts the forms in which clients write a response format to OpenAI's: a schema next to `type`, `json_object` with
 * a schema, a schema as JSON text, no name, and null for members that are not set. Other values stay as they are, and
 * the schema of the request refuses them.
 * @throws InvalidFieldError for two schemas, and for a text that is no schema
 */
export function translateFormat (format: unknown): unknown {
  if (Array.isArray(format) && format.length === 0) return undefined
  if (!isObject(format)) return format
  const { type, ...rest } = withoutNulls(format)
  if (!JSON_TYPES.has(type)) return format
  const { schema, field, others } = takeSchema(rest, 'response_format')
  if (schema === undefined) {
    const { json_schema: own } = rest
    const nameless = isObject(own) && { json_schema: { name: NAMELESS, ...own } }
    return { type: type === 'json' ? 'json_object' : type, ...rest, ...nameless }
  }
  return named(parseSchema(schema, field), others)
}

/**
 * Converts a schema that is a field of its own, with or without the object that names it, to a response format. A
 * schema without keywords stands for any JSON object.
 * @throws InvalidFieldError naming the field
 */
export function formatOfSchema (schema: unknown, field: string): unknown {
  const given = parseSchema(schema, field)
  if (!isObject(given)) throw new InvalidFieldError(field, OPENAI_FAULTS.mustBeSchema)
  const { schema: inner, others } = isSchema(given) ? { schema: given, others: {} } : takeSchema(given, field)
  const own = parseSchema(inner ?? given, field)
  if (!isObject(own)) throw new InvalidFieldError(field, OPENAI_FAULTS.mustBeSchema)
  return Object.keys(own).length === 0 ? { type: 'json_object' } : named(own, others)
}

/** Whether a value is a response format. A schema may have the type `object`, but none of these. */
export function isFormat (value: unknown): boolean {
  return isObject(value) && (JSON_TYPES.has(value.type) || value.type === 'text')
}

function named (schema: unknown, { name, strict, description, ...others }: Json): Json {
  return {
    type: 'json_schema',
    json_schema: {
      name: typeof name === 'string' && name !== '' ? name : NAMELESS,
      ...description !== undefined && { description },
      ...strict !== undefined && { strict },
      ...others,
      schema: translateSchema(schema)
    }
  }
}

/** Takes the schema out of the members that can contain it, also out of the object that names it. */
function takeSchema (members: Json, field: string): { schema?: unknown, field: string, others: Json } {
  const all = SCHEMA_MEMBERS.filter(name => Object.hasOwn(members, name))
    .map(name => ({ name, ...unwrap(name, members[name], `${field}.${name}`) }))
  const [first, ...more] = all.filter(({ schema }) => schema !== undefined)
  const own = Object.entries(members).filter(([name]) => !SCHEMA_MEMBERS.includes(name))
  const others = Object.assign(Object.fromEntries(own), ...all.map(inner => inner.others)) as Json
  if (first === undefined) return { field, others }
  const other = more.find(({ schema }) => !isDeepStrictEqual(schema, first.schema))
  if (other) throw new InvalidFieldError(`${field}.${other.name}`, OPENAI_FAULTS.contradicts(first.name))
  return { schema: first.schema, field: first.field, others }
}

function unwrap (name: string, value: unknown, field: string): { schema?: unknown, field: string, others: Json } {
  const isWrapper = WRAPPERS.has(name) && isObject(value) && !isSchema(value)
  return isWrapper ? takeSchema(withoutNulls(value), field) : { schema: value, field, others: {} }
}

/** Parses a schema that is JSON text. */
function parseSchema (schema: unknown, field: string): unknown {
  if (typeof schema !== 'string') return schema
  try {
    const parsed = new JsonReader().parse(schema)
    if (isObject(parsed)) return parsed
  } catch {}
  throw new InvalidFieldError(field, OPENAI_FAULTS.mustBeSchema)
}

/** Whether a `json_schema` is the schema itself, without the object that names it. */
function isSchema (value: Json): boolean {
  return !('schema' in value) && SCHEMA_KEYWORDS.some(keyword => keyword in value)
}

function withoutNulls (value: Json): Json {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== null))
}

function isObject (value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
