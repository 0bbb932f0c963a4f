import type { TSchema } from 'typebox'
import type { TLocalizedValidationError } from 'typebox/error'
import { Compile, type Validator } from 'typebox/compile'
import { Value } from 'typebox/value'
import { InvalidFieldError, withDetails, type SightlineError } from '../errors/catalogue.ts'
import type { Phrase } from '../errors/language.ts'
import { FIELD_FAULTS } from '../errors/phrases.ts'
import { phraseOf } from './fault-phrases.ts'
import { NAME_MAX_SHOWN } from './limits.ts'

/** Options of a schema in addition to JSON Schema. `plugins/openapi.ts` removes them from the document. */
export interface CheckOptions {
  /** The phrase for a value that is missing or invalid, instead of the validator's message. */
  fault?: Phrase
  /** The plural of the items of a list, for the error about too many items, e.g. `{ en: 'tools', zh: '个工具' }`. */
  counted?: Phrase
  /** A fault of a member is reported as a fault of the value itself. */
  whole?: boolean
  /** Steps from the parent to the place that a fault names in place of the value itself, e.g. `[]` for the parent. */
  place?: string[]
  /** The field is always refused and not worth documenting. */
  hidden?: boolean
}

/** The first fault of a value. */
export interface Fault {
  /** Steps from the value to the place of the fault, e.g. `['messages', '0', 'role']`. */
  steps: string[]
  /** Completes a sentence about that place, e.g. `must be >= 1`. */
  phrase: Phrase
  /** The limit that the value exceeds. */
  limit?: number
}

/** The part of JSON Schema that the schemas of requests use. */
interface Schema extends CheckOptions {
  type?: string
  const?: unknown
  anyOf?: Schema[]
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: boolean | Schema
  items?: Schema
  maxItems?: number
}

type Json = Record<string, unknown>

/** Properties with a constant that distinguishes the alternatives of a union. */
const DISCRIMINATORS = ['type', 'role']

/**
 * Compiles a schema into a check that finds the first fault of a value, or null. The compiled validator decides whether
 * the value is valid. Only an invalid value is then compared with the schema step by step. The validator's own list of
 * errors would contain every alternative of every union, and a path for each of thousands of unknown names.
 *
 * @example
 * const check = createCheck(Type.Object({ stop: Type.Array(Type.String()) }))
 * check({ stop: ['a', 1] }) // { steps: ['stop', '1'], phrase: { en: 'must be a string', … } }
 */
export function createCheck (schema: TSchema): (value: unknown) => Fault | null {
  const validator = validatorOf(schema as Schema)
  return value => {
    const unknown = findUnknownName(schema as Schema, value, [])
    if (unknown) return unknown
    if (validator.Check(value)) return null
    return findFault(schema as Schema, value, []) ?? { steps: [], phrase: FIELD_FAULTS.invalid }
  }
}

/** The error for a fault of a request. Its `field` names the place, e.g. `stop[1]`. */
export function toFieldError ({ steps, phrase, limit }: Fault): SightlineError {
  return withDetails(new InvalidFieldError(placeOf(steps), phrase), limit === undefined ? {} : { limit })
}

/**
 * Refuses a list that is too long.
 * @param counted the things that are counted, e.g. `{ en: 'tool calls', zh: '个工具调用' }`
 * @throws InvalidFieldError with `limit`
 */
export function checkCount (field: string, count: number, limit: number, counted: Phrase): void {
  if (count > limit) throw withDetails(new InvalidFieldError(field, tooMany(count, limit, counted)), { limit })
}

function tooMany (count: number, limit: number, counted: Phrase): Phrase {
  return { en: `has ${count} ${counted.en}; the limit is ${limit}`, zh: `有 ${count} ${counted.zh}，上限为 ${limit}` }
}

/**
 * Checks names before the validator runs. The validator would collect all unknown names, which takes long for tens of
 * thousands.
 */
function findUnknownName (schema: Schema, value: unknown, steps: string[]): Fault | null {
  if (!isClosed(schema)) return null
  if (Array.isArray(value)) {
    const { items } = alternativeFor(schema, value) ?? {}
    return items ? firstOf(value.entries(), ([i, item]) => findUnknownName(items, item, [...steps, `${i}`])) : null
  }
  if (!isObject(value)) return null
  const { properties = {}, additionalProperties } = alternativeFor(schema, value) ?? {}
  if (additionalProperties === false && Object.keys(properties).length > 0) {
    const unknown = Object.keys(value).find(name => !Object.hasOwn(properties, name))
    if (unknown !== undefined) {
      return { steps: [...steps, unknown.slice(0, NAME_MAX_SHOWN)], phrase: FIELD_FAULTS.unknown }
    }
  }
  return firstOf(ownProperties(properties, value), ([name, inner]) =>
    findUnknownName(inner, value[name], [...steps, name]))
}

const closed = new WeakMap<Schema, boolean>()

/** Whether a schema, or a part of it, excludes names that it does not declare. */
function isClosed (schema: Schema): boolean {
  const known = closed.get(schema)
  if (known !== undefined) return known
  const { anyOf = [], properties = {}, items, additionalProperties } = schema
  const parts = [...anyOf, ...Object.values(properties), ...items ? [items] : []]
  const answer = additionalProperties === false || parts.some(isClosed)
  closed.set(schema, answer)
  return answer
}

function findFault (schema: Schema, value: unknown, steps: string[]): Fault | null {
  if (validatorOf(schema).Check(value)) return null
  if (schema.whole && schema.fault) return { steps, phrase: schema.fault }
  const meant = alternativeFor(schema, value)
  if (meant === null) return discriminatorFault(schema, steps)
  if (meant.type === 'object' && isObject(value)) return findObjectFault(meant, value, steps)
  if (meant.type === 'array' && Array.isArray(value)) return findListFault(meant, value, steps)
  return ownFault(meant, value, steps)
}

const validators = new WeakMap<Schema, Validator>()

/** Compiles each part of a schema once: thousands of valid items before a fault would take long otherwise. */
function validatorOf (schema: Schema): Validator {
  const validator = validators.get(schema) ?? Compile(schema as TSchema)
  validators.set(schema, validator)
  return validator
}

function findObjectFault (schema: Schema, value: Json, steps: string[]): Fault | null {
  const { properties = {}, required = [] } = schema
  const missing = required.find(name => !Object.hasOwn(value, name))
  if (missing !== undefined) return missingFault(missing, properties[missing]!, steps)
  const inner = firstOf(ownProperties(properties, value), ([name, property]) =>
    findFault(property, value[name], [...steps, name]))
  return inner ?? ownFault(schema, value, steps)
}

function missingFault (name: string, { fault, place = [name] }: Schema, steps: string[]): Fault {
  if (fault) return { steps: [...steps, ...place], phrase: fault }
  return { steps, phrase: phraseOf({ keyword: 'required', params: { requiredProperties: [name] } }) }
}

function findListFault (schema: Schema, value: unknown[], steps: string[]): Fault | null {
  const { items, maxItems = Infinity, counted } = schema
  if (counted && value.length > maxItems) {
    return { steps, phrase: tooMany(value.length, maxItems, counted), limit: maxItems }
  }
  const own = ownFault(schema, value, steps)
  if (own || !items) return own
  return firstOf(value.entries(), ([index, item]) => findFault(items, item, [...steps, `${index}`]))
}

/** Returns the fault of a value itself, ignoring its members. */
function ownFault (schema: Schema, value: unknown, steps: string[]): Fault | null {
  const { properties: _properties, required: _required, items: _items, additionalProperties: _more, ...own } = schema
  const [error] = Value.Errors(own as TSchema, value)
  if (!error) return null
  const phrase = schema.fault ?? choicePhrase(schema) ?? phraseOf(error)
  return { steps: schema.place ? [...steps.slice(0, -1), ...schema.place] : steps, phrase, ...limitOf(error) }
}

/** The limit that a value exceeds, if that is its fault. */
function limitOf ({ keyword, params }: TLocalizedValidationError): { limit?: number } {
  return ['maximum', 'maxLength', 'maxItems'].includes(keyword) ? { limit: (params as { limit: number }).limit } : {}
}

/**
 * Returns the schema itself or, for a union, the alternative with the value's discriminator, else the alternative of
 * the value's kind, else the union itself. Returns null if the discriminator names no alternative.
 */
function alternativeFor (schema: Schema, value: unknown): Schema | null {
  if (!schema.anyOf) return schema
  const all = alternativesOf(schema)
  if (!isObject(value)) {
    return all.find(one => one.type === kindOf(value) && one.const === undefined) ?? schema
  }
  const objects = all.filter(({ type }) => type === 'object')
  if (objects.length < 2) return objects[0] ?? schema
  const name = discriminatorOf(objects)
  if (name === undefined) return schema
  return objects.find(({ properties }) => constantsOf(properties![name]!).includes(value[name])) ?? null
}

function discriminatorFault (union: Schema, steps: string[]): Fault {
  const objects = alternativesOf(union).filter(({ type }) => type === 'object')
  const name = discriminatorOf(objects)!
  const known = objects.flatMap(({ properties }) => constantsOf(properties![name]!))
  return { steps: [...steps, name], phrase: oneOf(known) }
}

/** The phrase for a union of constants; null for other schemas. */
function choicePhrase (schema: Schema): Phrase | null {
  const known = constantsOf(schema)
  return known.length > 1 && known.length === alternativesOf(schema).length ? oneOf(known) : null
}

function oneOf (known: unknown[]): Phrase {
  return { en: `must be one of ${known.join(', ')}`, zh: `必须是 ${known.join('、')} 之一` }
}

/** Returns the alternatives of a union, including those of nested unions. */
function alternativesOf (schema: Schema): Schema[] {
  return schema.anyOf?.flatMap(alternativesOf) ?? [schema]
}

function discriminatorOf (objects: Schema[]): string | undefined {
  return DISCRIMINATORS.find(name => objects.every(({ properties }) => properties && Object.hasOwn(properties, name)))
}

function constantsOf ({ const: constant, anyOf = [] }: Schema): unknown[] {
  return constant === undefined ? anyOf.flatMap(constantsOf) : [constant]
}

function kindOf (value: unknown): string {
  return Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value
}

function isObject (value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function ownProperties (properties: Record<string, Schema>, value: Json): Array<[string, Schema]> {
  return Object.entries(properties).filter(([name]) => Object.hasOwn(value, name))
}

function firstOf<T> (items: Iterable<T>, find: (item: T) => Fault | null): Fault | null {
  for (const item of items) {
    const fault = find(item)
    if (fault) return fault
  }
  return null
}

/** The name of a place in sentences: `['stop', '0']` → `stop[0]`. */
export function placeOf ([name = '', ...steps]: string[]): string {
  return name + steps.map(step => /^\d+$/.test(step) ? `[${step}]` : `.${step}`).join('')
}
