import { isDeepStrictEqual } from 'node:util'
import { UnknownFieldError, withDetails } from '../../errors/catalogue.ts'
import { OPENAI_FAULTS, UNKNOWN_FIELD_ADVICE } from '../../errors/phrases.ts'
import { NAME_MAX_SHOWN } from '../../schemas/limits.ts'
import { CompletionRequestSchema } from '../../schemas/openai-request.ts'
import { distanceOf } from '../edit-distance.ts'
import { refuse, refuseCrowd, type Json } from './json.ts'
import { containsImage, toSnakeCase } from './members.ts'
import { IGNORED, REFUSED } from './refused-fields.ts'
import { SYNONYMS } from './synonyms.ts'
import { combine, translateValue } from './values.ts'

// Clients of other servers send fields that OpenAI's API does not have. A field with an equivalent is renamed, a field
// that would change the answer is refused, and the others are ignored.

/** Maximum number of unknown fields that an answer names, and of those that are compared with known ones. */
const UNKNOWN_MAX = 20
const COMPARED_MAX = 100
const KNOWN = new Set(Object.keys(CompletionRequestSchema.properties))
const BY_FIELD = new Map(SYNONYMS.map(synonym => [synonym.field, synonym]))
/** Fields that change the answer. */
const EFFECTIVE = [...KNOWN, ...BY_FIELD.keys(), ...Object.keys(REFUSED)]

/** Names up to this length may differ by one letter from the field that was meant, longer ones by two. */
const SHORT = 7
const SHORTEST = 4
const LONGEST = 40

/** A field as the client wrote it. */
interface SentField {
  name: string
  /** The value was converted, so that places inside it have other names. */
  isConverted: boolean
}

export interface Translation {
  fields: Json
  /** The fields that have other names in the request, by their names here. */
  sent: ReadonlyMap<string, SentField>
}

/**
 * Renames the fields of other servers and converts their values, and refuses those that would change the answer.
 * @throws InvalidFieldError for a field that cannot be obeyed, or that contradicts its equivalent; UnknownFieldError
 * for an unknown field that resembles one that changes the answer
 */
export function translateFields (body: Json): Translation {
  refuseCrowd(body)
  const fields: Json = {}
  const sent = new Map<string, SentField>()
  const put = (field: string, value: unknown, origin: SentField): void => {
    const translated = translateValue(field, value)
    if (translated === undefined) return
    const isFirst = !Object.hasOwn(fields, field)
    const both = isFirst ? translated : combine(field, fields[field], translated)
    if (both === undefined) refuse(origin.name, OPENAI_FAULTS.contradicts(sent.get(field)?.name ?? field))
    if (origin.name !== field && (isFirst || both !== fields[field])) sent.set(field, origin)
    fields[field] = both
  }
  const given = Object.entries(body).filter(([, value]) => value !== null)
    .map(([name, value]) => ({ name, field: isListed(name) ? name : listedName(name), value }))
  // OpenAI's own fields are first, so that errors name the others.
  for (const { name, field, value } of given) {
    if (!BY_FIELD.has(field)) put(field, value, { name, isConverted: false })
  }
  for (const { name, field, value } of given) {
    const synonym = BY_FIELD.get(field)
    if (!synonym) continue
    const { means, convert } = synonym
    const converted = convert ? convert(value) : value
    if (converted !== undefined) put(means, converted, { name, isConverted: convert !== undefined })
  }
  removeRefused(fields, sent)
  refuseMistaken(fields)
  return { fields, sent }
}

/** Returns the name of a field in the request. */
export function sentName ({ sent }: Pick<Translation, 'sent'>, place: string): string {
  const [, field = place, rest = ''] = /^([^.[]+)(.*)$/s.exec(place) ?? []
  const origin = sent.get(field)
  return origin ? origin.name + (origin.isConverted ? '' : rest) : place
}

function isListed (name: string): boolean {
  return KNOWN.has(name) || BY_FIELD.has(name) || Object.hasOwn(REFUSED, name) || IGNORED.has(name)
}

/** Some SDKs write names in camel case. */
function listedName (name: string): string {
  const plain = name.length <= LONGEST ? toSnakeCase(name) : name
  return isListed(plain) ? plain : name
}

function removeRefused (fields: Json, sent: Translation['sent']): void {
  const isNeutral = (field: string) => !Object.hasOwn(fields, field) ||
    REFUSED[field]!.neutral.some(value => isDeepStrictEqual(value, fields[field]))
  const refused = Object.keys(fields).filter(field => Object.hasOwn(REFUSED, field))
  for (const field of refused) {
    const { fault, needs } = REFUSED[field]!
    if (!isNeutral(field) && !needs?.every(isNeutral)) refuse(sent.get(field)?.name ?? field, fault)
  }
  for (const field of refused) delete fields[field]
}

/** Refuses unknown fields that were probably meant to change the answer. */
function refuseMistaken (fields: Json): void {
  for (const name of Object.keys(fields).filter(name => !isListed(name)).slice(0, COMPARED_MAX)) {
    if (containsImage(fields[name])) refuse(name.slice(0, NAME_MAX_SHOWN), OPENAI_FAULTS.useImageParts)
    const suggestion = meantField(name)
    if (suggestion === undefined || Object.hasOwn(fields, suggestion)) continue
    throw withDetails(new UnknownFieldError(name, UNKNOWN_FIELD_ADVICE.didYouMean(suggestion)), { suggestion })
  }
}

/**
 * Finds the field that was probably meant, by a typing error.
 * @example
 * meantField('max_tokns') // max_tokens
 */
function meantField (name: string): string | undefined {
  if (name.length < SHORTEST || name.length > LONGEST) return undefined
  const plain = toSnakeCase(name)
  const tolerated = plain.length <= SHORT ? 1 : 2
  const near = (field: string) =>
    Math.abs(field.length - plain.length) <= tolerated && distanceOf(plain, field) <= tolerated
  return [...IGNORED].some(near) ? undefined : EFFECTIVE.find(near)
}

/** Returns the names of a request's fields that have no effect and are in no list. */
export function unknownFields (request: object): string[] {
  return Object.keys(request).filter(field => !KNOWN.has(field) && !IGNORED.has(field)).slice(0, UNKNOWN_MAX)
    .map(field => field.slice(0, NAME_MAX_SHOWN))
}
