import type { Phrase } from '../errors/language.ts'
import { FIELD_FAULTS } from '../errors/phrases.ts'

/** The keyword of a schema that a value violates, as the validator reports it. */
export interface Violation {
  keyword: string
  params: object
}

/** The parameters of all keywords. */
interface Params {
  type: string
  requiredProperties: string[]
  additionalProperties: string[]
  allowedValue: unknown
  allowedValues: unknown[]
  comparison: string
  limit: number
  multipleOf: number
}

const TYPES: Readonly<Record<string, Phrase>> = {
  string: FIELD_FAULTS.mustBeString,
  number: FIELD_FAULTS.mustBeNumber,
  integer: { en: 'must be an integer', zh: '必须是整数' },
  boolean: { en: 'must be true or false', zh: '必须是 true 或 false' },
  object: { en: 'must be an object', zh: '必须是对象' },
  array: { en: 'must be a list', zh: '必须是列表' },
  null: { en: 'must be null', zh: '必须是 null' }
}

const KEYWORDS: Readonly<Record<string, (params: Params) => Phrase>> = {
  type: ({ type }) => TYPES[type] ?? FIELD_FAULTS.invalid,
  required: ({ requiredProperties: [name] }) => ({ en: `must have "${name}"`, zh: `缺少 "${name}"` }),
  additionalProperties: ({ additionalProperties: [name] }) => ({
    en: `has the unknown member "${name}"`, zh: `含有未知成员 "${name}"`
  }),
  // The schema `false` excludes a member.
  boolean: () => FIELD_FAULTS.unknown,
  const: ({ allowedValue }) => ({
    en: `must be ${JSON.stringify(allowedValue)}`, zh: `必须是 ${JSON.stringify(allowedValue)}`
  }),
  enum: ({ allowedValues }) => ({
    en: `must be one of ${allowedValues.join(', ')}`, zh: `必须是 ${allowedValues.join('、')} 之一`
  }),
  minimum: compared,
  maximum: compared,
  exclusiveMinimum: compared,
  exclusiveMaximum: compared,
  multipleOf: ({ multipleOf }) => ({ en: `must be a multiple of ${multipleOf}`, zh: `必须是 ${multipleOf} 的倍数` }),
  minLength: atLeast('characters', '个字符'),
  maxLength: atMost('characters', '个字符'),
  minItems: atLeast('items', '项'),
  maxItems: atMost('items', '项'),
  minProperties: atLeast('members', '个成员'),
  maxProperties: atMost('members', '个成员'),
  uniqueItems: () => ({ en: 'must not have equal items', zh: '不能有相同的项' })
}

/**
 * Returns a violation as a phrase that completes the sentence about its place. Clients do not know the schema, so the
 * phrase contains neither its keywords nor its patterns.
 *
 * @example
 * phraseOf({ keyword: 'required', params: { requiredProperties: ['content'] } }).en // must have "content"
 */
export function phraseOf ({ keyword, params }: Violation): Phrase {
  return KEYWORDS[keyword]?.(params as Params) ?? FIELD_FAULTS.invalid
}

function compared ({ comparison, limit }: Params): Phrase {
  return { en: `must be ${comparison} ${limit}`, zh: `必须 ${comparison} ${limit}` }
}

function atLeast (en: string, zh: string): (params: Params) => Phrase {
  return ({ limit }) => limit === 1
    ? { en: 'must not be empty', zh: '不能为空' }
    : { en: `must not have fewer than ${limit} ${en}`, zh: `不能少于 ${limit} ${zh}` }
}

function atMost (en: string, zh: string): (params: Params) => Phrase {
  return ({ limit }) => ({ en: `must not have more than ${limit} ${en}`, zh: `不能超过 ${limit} ${zh}` })
}
