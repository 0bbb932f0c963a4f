import { UnsupportedSchemaError, withDetails } from '../../../errors/catalogue.ts'
import { TooComplex } from './work.ts'

export type Keywords = Readonly<Record<string, unknown>>

/** A schema within the document, or one of ours that stands for a constant. */
export interface Subschema {
  /** The same for schemas that say the same in the same words. */
  readonly id: number
  /** Where it stands. */
  readonly place: Place
  readonly schema: boolean | Keywords
  readonly document: Document
}

/**
 * A place in the document, as the step from the one above it; null for the root. Only an error needs the whole pointer:
 * names may have 200,000 characters, so that writing it for each of thousands of schemas takes seconds and gigabytes.
 */
export type Place = { readonly above: Place, readonly step: string | number } | null

interface Document {
  readonly root: unknown
  /** By what schemas say. */
  readonly ids: Map<string, number>
  readonly known: WeakMap<object, number>
}

/** Schemas that a value has to satisfy all together; no schema at all is satisfied by everything. */
export type Conjunction = readonly Subschema[]

/** A sentence's end, after the keyword and its place. */
export interface Fault { readonly en: string, readonly zh: string }

/** Values of JSON within a schema, those of `enum` and `examples` included. */
export const MAX_VALUES = 10_000
/** Characters of all strings and names in it. */
export const MAX_CHARACTERS = 200_000
export const MAX_DEPTH = 64
/** How much of a name or a place is told. */
const MAX_SHOWN = 200

/** What says nothing about a value. */
const ANNOTATIONS = new Set([
  'title', 'description', 'default', 'example', 'examples', '$comment', 'deprecated', 'readOnly', 'writeOnly', '$defs',
  'definitions', 'discriminator'
])

/** Keywords with schemas. */
const SCHEMA_LISTS = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems'])
const SCHEMAS = new Set(['items', 'additionalProperties', 'propertyNames'])

export function isAnnotation (keyword: string): boolean {
  return ANNOTATIONS.has(keyword) || keyword.startsWith('x-')
}

/** @throws UnsupportedSchemaError */
export function refuse ({ place }: Pick<Subschema, 'place'>, keyword: string, fault: Fault): never {
  throw new UnsupportedSchemaError(shortened(keyword), shortened(pointerTo(place)), fault)
}

/** A place as a URI fragment: `#/properties/name`. */
function pointerTo (place: Place): string {
  const steps: string[] = []
  for (let at = place; at !== null; at = at.above) {
    steps.push(
      String(at.step).replaceAll('~', '~0').replaceAll('/', '~1')
    )
  }
  return ['#', ...steps.reverse()].join('/')
}

/** @throws UnsupportedSchemaError with the limit that the whole schema exceeds */
function refuseSize (keyword: string, limit: number, fault: Fault): never {
  throw withDetails(new UnsupportedSchemaError(shortened(keyword), '#', fault), { limit })
}

const TOO_COMPLEX: Fault = { en: 'makes the schema too complex', zh: '使 schema 过于复杂' }

/**
 * Does something that may turn out to be too much.
 * @throws UnsupportedSchemaError then, and what else it throws
 */
export function bounded<T> (node: Pick<Subschema, 'place'>, keyword: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof TooComplex) refuse(node, keyword, TOO_COMPLEX)
    throw error
  }
}

/** Names are the client's own. */
function shortened (text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text
}

/**
 * The schema of a whole answer, within bounds, and how many values of JSON it has.
 * @throws UnsupportedSchemaError
 */
export function rootOf (schema: unknown): { root: Subschema, values: number } {
  const values = countValues(schema)
  return { root: subschema({ root: schema, ids: new Map(), known: new WeakMap() }, null, schema), values }
}

/** A schema below another one. */
export function child (parent: Subschema, ...path: Array<string | number>): Subschema {
  let place = parent.place
  let schema: unknown = parent.schema
  for (const step of path) {
    place = { above: place, step }
    schema = (schema as Record<string | number, unknown>)[step]
  }
  return subschema(parent.document, place, schema)
}

/** A schema that only this value satisfies. `parent` has it in a `const` or an `enum`. */
export function constant ({ document, place }: Subschema, value: unknown): Subschema {
  return subschema(document, place, { const: value })
}

/** Several schemas as one conjunction, without those that say nothing. */
export function conjunction (...schemas: Subschema[]): Conjunction {
  const unique = new Map(schemas
    .filter(({ schema }) => schema !== true && !(typeof schema === 'object' && Object.keys(schema).every(isAnnotation)))
    .map(one => [one.id, one]))
  return [...unique.values()].sort((a, b) => a.id - b.id)
}

export function conjunctionKey (all: Conjunction): string {
  return all.map(one => one.id).join()
}

/** @throws UnsupportedSchemaError for what is not in the document */
export function resolveRef (from: Subschema): Subschema {
  const { $ref: ref } = from.schema as Keywords
  if (typeof ref !== 'string') refuse(from, '$ref', { en: 'must be a string', zh: '必须是字符串' })
  if (ref !== '#' && !ref.startsWith('#/')) {
    refuse(from, '$ref', { en: 'must point into the schema itself: #/$defs/…', zh: '必须指向该 schema 内部：#/$defs/…' })
  }
  let schema: unknown = from.document.root
  const path: string[] = []
  for (const step of ref.split('/').slice(1)) {
    const name = decode(step)?.replaceAll('~1', '/').replaceAll('~0', '~')
    if (name === undefined || typeof schema !== 'object' || schema === null || !Object.hasOwn(schema, name)) {
      refuse(from, '$ref', { en: 'points at nothing', zh: '所指之处不存在' })
    }
    schema = (schema as Record<string, unknown>)[name]
    path.push(name)
  }
  return child(subschema(from.document, null, from.document.root), ...path)
}

function decode (step: string): string | undefined {
  try {
    return decodeURIComponent(step)
  } catch {
    return undefined
  }
}

function subschema (document: Document, place: Place, schema: unknown): Subschema {
  if (typeof schema === 'boolean' || (typeof schema === 'object' && schema !== null && !Array.isArray(schema))) {
    return { id: idOf(document, schema), place, schema: schema as boolean | Keywords, document }
  }
  return refuse(
    { place: place?.above ?? null }, String(place?.step ?? 'schema'),
    { en: 'must be a schema, which is an object or a boolean', zh: '必须是 schema，即对象或布尔值' }
  )
}

/** One number for all schemas that differ in annotations at most. */
function idOf (document: Document, schema: unknown): number {
  if (typeof schema !== 'object' || schema === null) return intern(document, JSON.stringify(schema))
  const known = document.known.get(schema)
  if (known !== undefined) return known
  const id = intern(document, JSON.stringify(Object.entries(schema).filter(([keyword]) => !isAnnotation(keyword)).map(
    ([keyword, value]) => [keyword, contentOf(document, keyword, value)]
  )))
  document.known.set(schema, id)
  return id
}

/** What a keyword says, with ids in place of schemas. */
function contentOf (document: Document, keyword: string, value: unknown): unknown {
  if (SCHEMAS.has(keyword)) return idOf(document, value)
  if (typeof value !== 'object' || value === null) return value
  if (SCHEMA_LISTS.has(keyword) && Array.isArray(value)) return value.map(one => idOf(document, one))
  return keyword === 'properties' ? Object.entries(value).map(([name, one]) => [name, idOf(document, one)]) : value
}

function intern ({ ids }: Document, content: string): number {
  const id = ids.get(content) ?? ids.size
  ids.set(content, id)
  return id
}

/**
 * Counts the values of a schema. This bound also holds wherever a schema is walked by recursion.
 * @throws UnsupportedSchemaError
 */
function countValues (schema: unknown): number {
  let values = 0
  let characters = 0
  /** `keyword`: the one of the root below which the value lies. */
  const todo = [{ value: schema, depth: 0, keyword: 'schema' }]
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    const { value, depth, keyword } = next
    if (typeof value === 'string') characters += value.length
    else if (typeof value === 'object' && value !== null) {
      for (const [name, inner] of Object.entries(value)) {
        if (!Array.isArray(value)) characters += name.length
        todo.push({ value: inner, depth: depth + 1, keyword: depth === 0 ? name : keyword })
      }
    }
    if (++values > MAX_VALUES) {
      refuseSize(
        keyword, MAX_VALUES,
        { en: `makes the schema larger than ${MAX_VALUES} values`, zh: `使 schema 超过 ${MAX_VALUES} 个值` }
      )
    }
    if (depth > MAX_DEPTH) {
      refuseSize(keyword, MAX_DEPTH, { en: `is nested deeper than ${MAX_DEPTH} levels`, zh: `嵌套超过 ${MAX_DEPTH} 层` })
    }
    if (characters > MAX_CHARACTERS) {
      refuseSize(
        keyword, MAX_CHARACTERS,
        { en: `makes the schema longer than ${MAX_CHARACTERS} characters`, zh: `使 schema 超过 ${MAX_CHARACTERS} 个字符` }
      )
    }
  }
  return values
}
