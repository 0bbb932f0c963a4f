import type { TSchema } from 'typebox'
import type { TLocalizedValidationError } from 'typebox/error'
import { Locale } from 'typebox/system'
import { Value } from 'typebox/value'
import { InvalidFieldError, withDetails } from '../errors/catalogue.ts'
import type { Phrase } from '../errors/language.ts'
import { FIELD_FAULTS } from '../errors/phrases.ts'

/**
 * Checks one field of a request. Of alternatives that are told apart by their `type`, the one that was meant is held against the value.
 * @throws InvalidFieldError naming the place within the field
 */
export function checkField (name: string, schema: TSchema, value: unknown): void {
  const meant = alternative(name, schema, value)
  const unknown = unknownName(meant, value)
  if (unknown) throw new InvalidFieldError(placeOf(name, unknown), FIELD_FAULTS.unknown)
  const faults = Value.Errors(meant, declared(meant, value))
  // What is too much is told by the object that has it better than by its own schema, which is `false`.
  const fault = faults.find(({ keyword }) => keyword !== 'boolean') ?? faults[0]
  if (!fault) return
  throw withDetails(
    new InvalidFieldError(placeOf(name, fault.instancePath.split('/').slice(1)), faultPhrase(fault)), limitOf(fault)
  )
}

/** The limit that a value is above, as a detail of the error; nothing for other faults. */
export function limitOf ({ keyword, params }: TLocalizedValidationError): { limit?: number } {
  return ['maximum', 'maxLength', 'maxItems'].includes(keyword) ? { limit: (params as { limit: number }).limit } : {}
}

/**
 * Refuses a field that has more of something than it may.
 * @param what the things that are counted, e.g. `{ en: 'tools', zh: '个工具' }`
 * @throws InvalidFieldError with `limit`, if `count` is above it
 */
export function checkCount (field: string, count: number, limit: number, what: Phrase): void {
  if (count <= limit) return
  const fault = { en: `has ${count} ${what.en}; the limit is ${limit}`, zh: `有 ${count} ${what.zh}，上限为 ${limit}` }
  throw withDetails(new InvalidFieldError(field, fault), { limit })
}

function alternative (name: string, schema: TSchema, value: unknown): TSchema {
  const { anyOf = [] } = schema as { anyOf?: Array<TSchema & { properties?: { type?: { const?: string } } }> }
  const types = anyOf.map(one => one.properties?.type?.const)
  if (anyOf.length === 0 || types.includes(undefined) || typeof value !== 'object' || value === null) return schema
  const meant = types.indexOf((value as { type?: string }).type)
  if (meant === -1) {
    throw new InvalidFieldError(`${name}.type`, {
      en: `must be one of ${types.join(', ')}`, zh: `必须是 ${types.join('、')} 之一`
    })
  }
  return anyOf[meant]!
}

/** What is wrong with a value, as a phrase that follows its name: `must be >= 1`. */
export function faultPhrase (error: TLocalizedValidationError): Phrase {
  return { en: error.message, zh: Locale.zh_Hans(error) }
}

/** What a schema says of an object, as far as it matters here. */
interface ObjectSchema {
  type?: string
  anyOf?: ObjectSchema[]
  properties?: Record<string, ObjectSchema>
  additionalProperties?: unknown
}

type Json = Record<string, unknown>

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
/** How much of an unknown name a sentence repeats. */
const NAME_MAX_SHOWN = 100

/**
 * The first name within a value that its schema excludes, as the steps to it; null where there is none. The validator
 * would find it as well, but it writes a path for each name first: tens of thousands of them occupy the event loop.
 */
export function unknownName (schema: TSchema, value: unknown): string[] | null {
  const { properties = {}, additionalProperties } = objectSchema(schema) ?? {}
  if (!isObject(value)) return null
  if (additionalProperties === false) {
    const unknown = Object.keys(value).find(name => !Object.hasOwn(properties, name))
    if (unknown !== undefined) return [unknown.slice(0, NAME_MAX_SHOWN)]
  }
  for (const [name, inner] of Object.entries(properties)) {
    const steps = Object.hasOwn(value, name) ? unknownName(inner as TSchema, value[name]) : null
    if (steps) return [name, ...steps]
  }
  return null
}

/** A value without the names that its schema does not declare: the validator has nothing to say of them. */
export function declared (schema: TSchema, value: unknown): unknown {
  const object = objectSchema(schema)
  if (object === undefined || !isObject(value)) return value
  const names = Object.entries(object.properties ?? {}).filter(([name]) => Object.hasOwn(value, name))
  return Object.fromEntries(names.map(([name, inner]) => [name, declared(inner as TSchema, value[name])]))
}

/** The schema itself, or its only alternative that is an object. */
function objectSchema (schema: TSchema): ObjectSchema | undefined {
  const { type, anyOf = [] } = schema as ObjectSchema
  const objects = anyOf.filter(one => one.type === 'object')
  return type === 'object' ? schema as ObjectSchema : objects.length === 1 ? objects[0] : undefined
}

/** How a sentence names a place: `stop`, ['0'] → `stop[0]`. */
function placeOf (name: string, steps: string[]): string {
  return name + steps.map(step => /^\d+$/.test(step) ? `[${step}]` : `.${step}`).join('')
}
