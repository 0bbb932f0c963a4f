/** A JSON schema that takes long to convert to a grammar: at the limits, or beyond them. */
export interface CostlySchema {
  name: string
  /** Whether it has few JSON values, so that one request may contain a hundred copies. */
  isShort: boolean
  schema: object
}

function list<T> (count: number, item: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => item(index))
}

function record<T> (names: readonly string[], value: (name: string) => T): Record<string, T> {
  return Object.fromEntries(names.map(name => [name, value(name)]))
}

const names = (count: number, prefix = 'p') => list(count, index => `${prefix}${index}`)
const anything = () => true

/** A character class of `count` ranges, each of a single character. */
const ranges = (count: number) => `[${list(count, index => String.fromCodePoint(0x4e00 + 2 * index)).join('')}]`

const objects = (count: number, properties: number) => list(count, index => ({
  type: 'object',
  properties: { ...record(names(properties), anything), kind: { const: index } },
  required: ['kind'],
  additionalProperties: false
}))

/** A choice of four objects with 250 properties each. */
const wide = (prefix: string) => ({
  anyOf: list(4, index => ({
    type: 'object',
    properties: record(names(250, prefix), anything),
    required: [`${prefix}${index}`]
  }))
})

/** Objects that refer to their predecessor, listed in the opposite order. */
function chain (length: number): object {
  const lists = [{ type: 'array', items: { type: 'null' } }, { type: 'array', items: { type: 'boolean' }, minItems: 1 }]
  const refTo = (name: string) => ({ $ref: `#/properties/links/properties/links/properties/${name}` })
  const link = (index: number) => index === 0
    ? { anyOf: lists }
    : { type: 'object', properties: record(names(3), () => refTo(`link${index - 1}`)), required: ['p0'] }
  const links = { type: 'object', properties: Object.fromEntries(list(length, index => [`link${index}`, link(index)])) }
  const heads = { type: 'object', properties: record(names(length, 'link').reverse(), refTo) }
  return { type: 'object', properties: { links: { type: 'object', properties: { links } }, heads } }
}

const SHORT: Record<string, object> = {
  'a pattern of 80 ranges, 1990 times': { type: 'string', pattern: `^${ranges(80)}*$`, maxLength: 1990 },
  'four patterns of 150 ranges': {
    type: 'string',
    allOf: list(4, index => ({ pattern: `^${ranges(150)}*${index}?$` })),
    maxLength: 300
  },
  'a pattern whose automaton doubles': { type: 'string', pattern: '(a|b)*a(a|b){10}' },
  'a pattern that repeats a repetition': { type: 'string', pattern: '^((a{1,60}b{1,60}){1,30}c){1,30}$' },
  'addresses of limited length': { type: 'string', format: 'uri', maxLength: 60 }
}

const LONG: Record<string, object> = {
  'nine enums of 1000': {
    type: 'object',
    properties: record(names(9), name => ({ enum: list(1000, index => `${name}-${index * 7919 % 1000}`) }))
  },
  '4900 constants': { anyOf: list(4900, index => ({ const: `v${index}` })) },
  'an enum of 300 objects under 9000 properties': {
    type: 'object',
    properties: record(names(9000), anything),
    enum: list(300, () => ({}))
  },
  'allOf of two lists of wide objects': { allOf: [wide('a'), wide('b')] },
  'anyOf of 20 wide objects': { anyOf: objects(20, 190) },
  'oneOf of 20 wide objects': { oneOf: objects(20, 190) },
  'a chain of 400 objects': chain(400),
  '4900 optional properties': { type: 'object', properties: record(names(4900), () => ({ type: 'null' })) }
}

function toList (schemas: Record<string, object>, isShort: boolean): CostlySchema[] {
  return Object.entries(schemas).map(([name, schema]) => ({ name, isShort, schema }))
}

export const COSTLY_SCHEMAS: readonly CostlySchema[] = [...toList(SHORT, true), ...toList(LONG, false)]
