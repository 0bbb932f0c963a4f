import { UnsupportedSchemaError, withDetails } from '../../../errors/catalogue.ts'
import type { Phrase } from '../../../errors/language.ts'
import type { Automaton } from './automaton.ts'
import { SCHEMA_FAULTS } from './faults.ts'
import { findReference } from './references.ts'
import { isAnnotation } from './vocabulary.ts'
import { TooComplex } from './work.ts'

export type Keywords = Readonly<Record<string, unknown>>

/** A schema of the document, or a schema that this code made for a constant. */
export interface Subschema {
  /** The same for schemas with equal JSON, apart from annotations. */
  readonly id: number
  readonly place: Place
  readonly schema: boolean | Keywords
  readonly document: Document
}

/**
 * A place in the document, as the step from the place above it; null for the root. Only errors need the whole pointer.
 * Names may have 200,000 characters, so writing pointers for thousands of schemas would take seconds and gigabytes.
 */
export type Place = { readonly above: Place, readonly step: string | number } | null

interface Document {
  readonly root: unknown
  /** Ids by the JSON of schemas. */
  readonly ids: Map<string, number>
  readonly known: WeakMap<object, number>
  /** Compiled patterns, by their source. */
  readonly patterns: Map<string, Automaton>
}

/** Schemas of which a value must satisfy all. Every value satisfies the empty conjunction. */
export type Conjunction = readonly Subschema[]

/** JSON values in a schema, including those of `enum` and `examples`. */
export const MAX_VALUES = 10_000
/** Characters of all strings and names in a schema. */
export const MAX_CHARACTERS = 200_000
export const MAX_DEPTH = 64
/** Characters of a name or a pointer in an error. */
const MAX_SHOWN = 200

/** Keywords that contain schemas. */
const SCHEMA_LISTS = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems'])
const SCHEMAS = new Set(['items', 'additionalItems', 'additionalProperties', 'propertyNames'])

/** @throws UnsupportedSchemaError */
export function refuse ({ place }: Pick<Subschema, 'place'>, keyword: string, fault: Phrase): never {
  throw new UnsupportedSchemaError(shortened(keyword), shortened(pointerTo(place)), fault)
}

const unenforceable = new WeakSet<object>()

/**
 * Refuses a constraint that a grammar cannot express.
 * @throws UnsupportedSchemaError for which `isUnenforceable` is true
 */
export function refuseConstraint (node: Pick<Subschema, 'place'>, keyword: string, fault: Phrase): never {
  try {
    refuse(node, keyword, fault)
  } catch (error) {
    unenforceable.add(error as object)
    throw error
  }
}

/** Returns whether an error is about a valid schema whose constraint a grammar cannot express. */
export function isUnenforceable (error: unknown): boolean {
  return typeof error === 'object' && error !== null && unenforceable.has(error)
}

/** Returns a place as a URI fragment: `#/properties/name`. */
function pointerTo (place: Place): string {
  return ['#', ...pathOf(place).map(step => String(step).replaceAll('~', '~0').replaceAll('/', '~1'))].join('/')
}

/** @throws UnsupportedSchemaError with the limit that the whole schema exceeds */
function refuseSize (keyword: string, limit: number, fault: Phrase): never {
  throw withDetails(new UnsupportedSchemaError(shortened(keyword), '#', fault), { limit })
}

/**
 * Runs `work` for a keyword of a schema.
 * @throws UnsupportedSchemaError when `work` throws TooComplex; other errors of `work` as they are
 */
export function bounded<T> (node: Pick<Subschema, 'place'>, keyword: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof TooComplex) refuse(node, keyword, SCHEMA_FAULTS.tooComplex)
    throw error
  }
}

/** Bounds the length of a text that the client chose. */
function shortened (text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text
}

/**
 * Returns the root of a document, and the number of JSON values in the document.
 * @throws UnsupportedSchemaError when the document exceeds the limits
 */
export function rootOf (schema: unknown): { root: Subschema, values: number } {
  const values = countValues(schema)
  const document: Document = { root: schema, ids: new Map(), known: new WeakMap(), patterns: new Map() }
  return { root: subschema(document, null, schema), values }
}

/** Returns the schema at a path below another schema. */
export function child (parent: Subschema, ...path: Array<string | number>): Subschema {
  let place = parent.place
  let schema: unknown = parent.schema
  for (const step of path) {
    place = { above: place, step }
    schema = (schema as Record<string | number, unknown>)[step]
  }
  return subschema(parent.document, place, schema)
}

/** Returns a schema that only `value` satisfies. The place is that of the schema with the `const` or `enum`. */
export function constant ({ document, place }: Subschema, value: unknown): Subschema {
  return subschema(document, place, { const: value })
}

/** Returns a schema for all values of some types, at the place of another schema. */
export function ofTypes ({ document, place }: Subschema, types: readonly string[]): Subschema {
  return subschema(document, place, { type: types })
}

/** Returns a schema for the strings that match a pattern, at the place of another schema. */
export function ofPattern ({ document, place }: Subschema, pattern: string): Subschema {
  return subschema(document, place, { type: 'string', pattern })
}

/** Joins schemas to a conjunction, without schemas that every value satisfies. */
export function conjunction (...schemas: Subschema[]): Conjunction {
  const unique = new Map(schemas
    .filter(({ schema }) => schema !== true && !(typeof schema === 'object' && Object.keys(schema).every(isAnnotation)))
    .map(one => [one.id, one]))
  return [...unique.values()].sort((a, b) => a.id - b.id)
}

/** Returns a key that is the same for equal conjunctions. */
export function conjunctionKey (all: Conjunction): string {
  return all.map(one => one.id).join()
}

/** @throws UnsupportedSchemaError when the reference does not point into the document */
export function resolveRef (from: Subschema): Subschema {
  const { $ref: ref } = from.schema as Keywords
  if (typeof ref !== 'string') refuse(from, '$ref', SCHEMA_FAULTS.mustBeString)
  const path = findReference(from.document.root, pathOf(from.place), ref)
  if (path === 'external') refuse(from, '$ref', SCHEMA_FAULTS.externalReference)
  if (path === 'dangling') refuse(from, '$ref', SCHEMA_FAULTS.danglingReference)
  return child(subschema(from.document, null, from.document.root), ...path)
}

function pathOf (place: Place): Array<string | number> {
  const steps: Array<string | number> = []
  for (let at = place; at !== null; at = at.above) steps.push(at.step)
  return steps.reverse()
}

function subschema (document: Document, place: Place, schema: unknown): Subschema {
  if (typeof schema === 'boolean' || (typeof schema === 'object' && schema !== null && !Array.isArray(schema))) {
    return { id: schemaIdOf(document, schema), place, schema: schema as boolean | Keywords, document }
  }
  return refuse({ place: place?.above ?? null }, String(place?.step ?? 'schema'), SCHEMA_FAULTS.mustBeSchema)
}

/** Returns one number for all schemas that differ at most in annotations. */
function schemaIdOf (document: Document, schema: unknown): number {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) {
    return intern(document, JSON.stringify(schema))
  }
  const known = document.known.get(schema)
  if (known !== undefined) return known
  const id = intern(document, JSON.stringify(Object.entries(schema).filter(([keyword]) => !isAnnotation(keyword)).map(
    ([keyword, value]) => [keyword, contentOf(document, keyword, value)]
  )))
  document.known.set(schema, id)
  return id
}

/** Returns the value of a keyword, with ids in place of schemas. */
function contentOf (document: Document, keyword: string, value: unknown): unknown {
  // Before draft 2020-12, `items` could be a list.
  const isList = Array.isArray(value)
  if (SCHEMAS.has(keyword) && !isList) return schemaIdOf(document, value)
  if (typeof value !== 'object' || value === null) return value
  if (isList && (SCHEMA_LISTS.has(keyword) || SCHEMAS.has(keyword))) return value.map(one => schemaIdOf(document, one))
  if (keyword !== 'properties') return value
  return Object.entries(value).map(([name, one]) => [name, schemaIdOf(document, one)])
}

function intern ({ ids }: Document, content: string): number {
  const id = ids.get(content) ?? ids.size
  ids.set(content, id)
  return id
}

/**
 * Counts the JSON values of a schema without recursion. Its limit on the depth lets other functions walk schemas by
 * recursion.
 * @throws UnsupportedSchemaError when the schema exceeds the limits
 */
function countValues (schema: unknown): number {
  let values = 0
  let characters = 0
  // `keyword` is the root's keyword that contains the value.
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
      refuseSize(keyword, MAX_VALUES, SCHEMA_FAULTS.tooManyValues(MAX_VALUES))
    }
    if (depth > MAX_DEPTH) {
      refuseSize(keyword, MAX_DEPTH, SCHEMA_FAULTS.tooDeep(MAX_DEPTH))
    }
    if (characters > MAX_CHARACTERS) {
      refuseSize(keyword, MAX_CHARACTERS, SCHEMA_FAULTS.tooManyCharacters(MAX_CHARACTERS))
    }
  }
  return values
}
