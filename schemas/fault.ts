import type { TSchema } from 'typebox'
import type { TLocalizedValidationError } from 'typebox/error'
import { Locale } from 'typebox/system'
import { Value } from 'typebox/value'
import { InvalidFieldError, withDetails } from '../errors.ts'
import type { Phrase } from '../language.ts'

/**
 * Checks one field of a request. Of alternatives that are told apart by their `type`, the one that was meant is held against the value.
 * @throws InvalidFieldError naming the place within the field
 */
export function checkField (name: string, schema: TSchema, value: unknown): void {
  const faults = Value.Errors(alternative(name, schema, value), value)
  // What is too much is told by the object that has it better than by its own schema, which is `false`.
  const fault = faults.find(({ keyword }) => keyword !== 'boolean') ?? faults[0]
  if (!fault) return
  throw withDetails(new InvalidFieldError(faultPlace(name, fault), faultPhrase(fault)), limitOf(fault))
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
export function checkCount (field: string, count: number, limit: number, what: Exclude<Phrase, string>): void {
  if (count <= limit) return
  const fault = { en: `has ${count} ${what.en}, the limit is ${limit}`, zh: `有 ${count} ${what.zh}，上限为 ${limit}` }
  throw withDetails(new InvalidFieldError(field, fault), { limit })
}

function alternative (name: string, schema: TSchema, value: unknown): TSchema {
  const { anyOf = [] } = schema as { anyOf?: Array<TSchema & { properties?: { type?: { const?: string } } }> }
  const types = anyOf.map(one => one.properties?.type?.const)
  if (anyOf.length === 0 || types.includes(undefined) || typeof value !== 'object' || value === null) return schema
  const meant = types.indexOf((value as { type?: string }).type)
  if (meant === -1) throw new InvalidFieldError(`${name}.type`, { en: `must be one of ${types.join(', ')}`, zh: `必须是 ${types.join('、')} 之一` })
  return anyOf[meant]!
}

/** What is wrong with a value, as a phrase that follows its name: `must be >= 1`. */
export function faultPhrase (error: TLocalizedValidationError): Exclude<Phrase, string> {
  return { en: error.message, zh: Locale.zh_Hans(error) }
}

/** How a sentence names the place of a fault: `stop`, `/0` → `stop[0]`. */
function faultPlace (name: string, { instancePath }: TLocalizedValidationError): string {
  const steps = instancePath.split('/').slice(1)
  return name + steps.map(step => /^\d+$/.test(step) ? `[${step}]` : `.${step}`).join('')
}
