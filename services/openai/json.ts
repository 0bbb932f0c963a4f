import { InvalidFieldError, InvalidJsonError, withDetails } from '../../errors/catalogue.ts'
import type { Phrase } from '../../errors/language.ts'
import { BODY_FAULTS } from '../../errors/phrases.ts'
import { MEMBERS_MAX } from '../../schemas/limits.ts'

export type Json = Record<string, unknown>

export function isObject (value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Returns an object without the members that are null or undefined, which typed clients send for unset ones.
 * @throws InvalidJsonError for an object with too many members
 */
export function withoutNulls (value: Json): Json {
  refuseCrowd(value)
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== null && inner !== undefined))
}

/** @throws InvalidJsonError for an object with too many members */
export function refuseCrowd (value: Json): void {
  if (Object.keys(value).length <= MEMBERS_MAX) return
  throw withDetails(new InvalidJsonError(BODY_FAULTS.crowd(MEMBERS_MAX)), { limit: MEMBERS_MAX })
}

/** PHP writes an empty object as an empty list. */
export function isEmptyList (value: unknown): value is [] {
  return Array.isArray(value) && value.length === 0
}

/** Whether a value says nothing: null, false, 0, an empty text, list or object. */
export function isEmpty (value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return !value
  return Object.keys(value).length === 0
}

/** @throws InvalidFieldError */
export function refuse (field: string, fault: Phrase): never {
  throw new InvalidFieldError(field, fault)
}
