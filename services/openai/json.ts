import { InvalidFieldError } from '../../errors/catalogue.ts'
import type { Phrase } from '../../errors/language.ts'

export type Json = Record<string, unknown>

export function isObject (value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Returns an object without the members that are null or undefined, which typed clients send for unset ones. */
export function withoutNulls (value: Json): Json {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== null && inner !== undefined))
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
