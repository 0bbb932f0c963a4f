import { intersect, type Automaton } from './automaton.ts'
import { compilePattern } from './compile-pattern.ts'
import {
  child, conjunction, constant, isAnnotation, refuse, type Conjunction, type Fault, type Keywords, type Subschema
} from './document.ts'
import { formatAutomaton, isFormat, NUMBER_FORMATS } from './formats.ts'
import type { Bound } from './numbers.ts'
import { UnsupportedPattern } from './pattern.ts'
import { MAX_REPETITION } from './rules.ts'
import { ARRAY, BOOLEAN, meet, normal, NULL, NUMBER, OBJECT, STRING, type NumberShape, type Shape } from './shapes.ts'

const UNSUPPORTED: Fault = { en: 'is not supported', zh: '不受支持' }

/** Values of an `enum`. */
export const MAX_CONSTANTS = 1000

/** Keywords that say something about a value by themselves, and those that put other schemas together. */
const ASSERTIONS = new Set([
  'type', 'nullable', 'enum', 'const', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'minLength', 'maxLength', 'pattern', 'format',
  'items', 'prefixItems', 'minItems', 'maxItems', 'properties', 'required', 'additionalProperties', 'propertyNames', 'minProperties', 'maxProperties'
])
/** Those that exclude most. */
const SELECTIVE =
  ['const', 'enum', 'required', 'pattern', 'minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties']
const COMBINATIONS = new Set(['$ref', 'allOf', 'anyOf', 'oneOf'])
const TYPES = ['null', 'boolean', 'integer', 'number', 'string', 'array', 'object']

/**
 * The shapes that a schema's own keywords allow, those apart that refer to other schemas for the same value.
 * @param formats false: all strings are of every format
 * @returns null when they allow everything
 * @throws UnsupportedSchemaError
 */
export function ownShapes (node: Subschema, formats: boolean): Shape[] | null {
  const keywords = node.schema as Keywords
  checkKeywords(node, keywords)
  if (!Object.keys(keywords).some(keyword => ASSERTIONS.has(keyword))) return null

  const typed = typesOf(node, keywords).flatMap((type): Shape[] => {
    const shape = normal(shapeOf(type, node, keywords, formats))
    return shape === null ? [] : [shape]
  })
  return ['const', 'enum'].filter(keyword => Object.hasOwn(keywords, keyword)).reduce((shapes, keyword) => {
    const values = keyword === 'const' ? [keywords.const] : listOf(node, keyword, keywords.enum)
    if (values.length > MAX_CONSTANTS) {
      refuse(node, keyword, { en: `has more than ${MAX_CONSTANTS} values`, zh: `超过 ${MAX_CONSTANTS} 个值` })
    }
    const constants = shapesOfValues(node, values)
    return shapes.flatMap(shape => constants.flatMap(one => meet(shape, one) ?? []))
  }, typed)
}

/** The keyword to be named when nothing at all is allowed, as far as one is more to blame than others. */
export function mainKeyword ({ schema }: Subschema): string {
  if (typeof schema === 'boolean') return String(schema)
  return SELECTIVE.find(keyword => keyword in schema) ??
    Object.keys(schema).find(keyword => keyword !== 'type' && !isAnnotation(keyword)) ?? 'type'
}

function checkKeywords (node: Subschema, keywords: Keywords): void {
  for (const [keyword, value] of Object.entries(keywords)) {
    if (ASSERTIONS.has(keyword) || COMBINATIONS.has(keyword) || isAnnotation(keyword)) continue
    // An id further down would change what references mean.
    if (node.place === null && ['$schema', '$id'].includes(keyword)) continue
    if (keyword === 'uniqueItems' && value === false) continue
    refuse(node, keyword, UNSUPPORTED)
  }
  const { format } = keywords
  if (format === undefined) return
  if (typeof format !== 'string') refuse(node, 'format', { en: 'must be a string', zh: '必须是字符串' })
  const name = format.slice(0, 40)
  if (!isFormat(format)) refuse(node, 'format', { en: `"${name}" is not supported`, zh: `"${name}" 不受支持` })
}

function typesOf (node: Subschema, { type, nullable }: Keywords): string[] {
  if (type === undefined) return TYPES.filter(one => one !== 'integer')
  const types = new Set(Array.isArray(type) ? type : [type])
  for (const one of types) {
    if (!TYPES.includes(one)) {
      refuse(node, 'type', { en: `must be of ${TYPES.join(', ')}`, zh: `必须取自 ${TYPES.join('、')}` })
    }
  }
  // OpenAPI 3.0: it adds to a type, and does not change an enum.
  if (nullable === true) types.add('null')
  if (types.has('number')) types.delete('integer')
  return [...types]
}

function shapeOf (type: string, node: Subschema, keywords: Keywords, formats: boolean): Shape {
  switch (type) {
    case 'null': return NULL
    case 'boolean': return BOOLEAN
    case 'integer': return numberShape(node, keywords, true, formats)
    case 'number': return numberShape(node, keywords, false, formats)
    case 'string': return {
      ...STRING,
      min: countOf(node, 'minLength', 0),
      max: countOf(node, 'maxLength', Infinity),
      automaton: stringsOf(node, keywords, formats)
    }
    case 'array': return {
      ...ARRAY,
      min: countOf(node, 'minItems', 0),
      max: countOf(node, 'maxItems', Infinity),
      prefix: keywords.prefixItems === undefined
        ? []
        : listOf(node, 'prefixItems', keywords.prefixItems).map(
          (_, index) => conjunction(child(node, 'prefixItems', index))
        ),
      rest: restOf(node, 'items'),
      tuple: keywords.prefixItems !== undefined,
      list: keywords.items !== undefined
    }
    default: return {
      ...OBJECT,
      min: countOf(node, 'minProperties', 0),
      max: countOf(node, 'maxProperties', Infinity),
      properties: new Map(
        Object.keys(objectOf(node, 'properties')).map(name => [name, conjunction(child(node, 'properties', name))])
      ),
      required: requiredOf(node, keywords),
      others: restOf(node, 'additionalProperties'),
      names: keywords.propertyNames === undefined ? [] : conjunction(child(node, 'propertyNames')),
      declared: keywords.properties !== undefined,
      open: keywords.additionalProperties !== undefined
    }
  }
}

function restOf (node: Subschema, keyword: 'items' | 'additionalProperties'): Conjunction | null {
  const rest = (node.schema as Keywords)[keyword]
  if (rest === undefined || rest === true) return []
  if (Array.isArray(rest)) {
    refuse(
      node, keyword,
      { en: 'must be one schema; a list of them is called "prefixItems"', zh: '必须是单个 schema；schema 列表应使用 "prefixItems"' }
    )
  }
  return rest === false ? null : conjunction(child(node, keyword))
}

function numberShape (node: Subschema, keywords: Keywords, integer: boolean, formats: boolean): NumberShape {
  const { format } = keywords
  const range = formats && typeof format === 'string' ? NUMBER_FORMATS.get(format) ?? {} : {}
  const bound = (keyword: string, open: boolean): Bound[] => {
    const value = keywords[keyword]
    if (value === undefined) return []
    if (typeof value !== 'number') refuse(node, keyword, { en: 'must be a number', zh: '必须是数字' })
    return [{ value, open }]
  }
  const closed = (value: number | undefined): Bound[] => value === undefined ? [] : [{ value, open: false }]
  const own = { ...NUMBER, whole: integer || range.whole === true }
  const bounds: NumberShape[] = [
    ...[...bound('minimum', false), ...bound('exclusiveMinimum', true), ...closed(range.min)].map(min =>
      ({ ...own, min })),
    ...[...bound('maximum', false), ...bound('exclusiveMaximum', true), ...closed(range.max)].map(max =>
      ({ ...own, max }))
  ]
  return bounds.reduce((shape, one) => meet(shape, one) as NumberShape | null ?? { ...own, values: [] }, own)
}

function stringsOf (node: Subschema, { pattern, format }: Keywords, formats: boolean): Automaton | null {
  const ofFormat = formats && typeof format === 'string' ? formatAutomaton(format) : null
  const ofPattern = pattern === undefined ? null : compiled(node, pattern)
  return ofFormat && ofPattern ? intersect(ofFormat, ofPattern) : ofFormat ?? ofPattern
}

function compiled (node: Subschema, pattern: unknown): Automaton {
  if (typeof pattern !== 'string') refuse(node, 'pattern', { en: 'must be a string', zh: '必须是字符串' })
  try {
    return compilePattern(pattern)
  } catch (error) {
    if (error instanceof UnsupportedPattern) {
      refuse(
        node, 'pattern', { en: `cannot be enforced because of ${error.message}`, zh: `因含有 ${error.message} 而无法约束` }
      )
    }
    if (error instanceof SyntaxError) {
      refuse(
        node, 'pattern', { en: `is not a regular expression: ${error.message}`, zh: `不是有效的正则表达式：${error.message}` }
      )
    }
    throw error
  }
}

/** Values of one simple type are one shape; every list and every object is a shape of its own, with constants below it. */
function shapesOfValues (node: Subschema, values: readonly unknown[]): Shape[] {
  const simple: Shape[] = [
    { ...BOOLEAN, values: values.filter(value => typeof value === 'boolean') },
    { ...NUMBER, values: values.filter(value => typeof value === 'number') },
    { ...STRING, values: values.filter(value => typeof value === 'string') }
  ]
  return [
    ...values.includes(null) ? [NULL] : [],
    ...simple.flatMap(shape => normal(shape) ?? []),
    ...values.flatMap((value): Shape[] => {
      if (typeof value !== 'object' || value === null) return []
      const below = (inner: unknown) => conjunction(constant(node, inner))
      if (Array.isArray(value)) {
        return [{ ...ARRAY, min: value.length, max: value.length, prefix: value.map(below), rest: null, tuple: true }]
      }
      const properties = new Map(Object.entries(value).map(([name, inner]) => [name, below(inner)]))
      return [{ ...OBJECT, properties, required: new Set(properties.keys()), others: null, declared: true }]
    })
  ]
}

function countOf (node: Subschema, keyword: string, fallback: number): number {
  const value = (node.schema as Keywords)[keyword]
  if (value === undefined) return fallback
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) {
    refuse(node, keyword, { en: 'must be a whole number of 0 or more', zh: '必须是不小于 0 的整数' })
  }
  if (value > MAX_REPETITION) {
    refuse(node, keyword, { en: `is more than ${MAX_REPETITION}`, zh: `超过 ${MAX_REPETITION}` })
  }
  return value
}

function listOf (node: Subschema, keyword: string, value: unknown): unknown[] {
  if (!Array.isArray(value)) refuse(node, keyword, { en: 'must be a list', zh: '必须是列表' })
  return value
}

function objectOf (node: Subschema, keyword: string): Record<string, unknown> {
  const { [keyword]: value = {} } = node.schema as Keywords
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    refuse(node, keyword, { en: 'must be an object', zh: '必须是对象' })
  }
  return value as Record<string, unknown>
}

function requiredOf (node: Subschema, { required = [] }: Keywords): Set<string> {
  const names = listOf(node, 'required', required)
  if (!names.every(name => typeof name === 'string')) {
    refuse(node, 'required', { en: 'must be a list of names', zh: '必须是名称的列表' })
  }
  return new Set(names as string[])
}
