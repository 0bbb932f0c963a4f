import { intersect, type Automaton } from './automaton.ts'
import { compilePattern } from './compile-pattern.ts'
import {
  child, conjunction, constant, ofPattern, refuse, refuseConstraint, type Conjunction, type Keywords, type Subschema
} from './document.ts'
import { SCHEMA_FAULTS } from './faults.ts'
import { formatAutomaton, impliesPattern, NUMBER_FORMATS } from './formats.ts'
import type { NumberBound } from './numbers.ts'
import { UnsupportedPattern } from './pattern.ts'
import { MAX_REPETITION } from './rules.ts'
import { ARRAY, BOOLEAN, meet, normal, NULL, NUMBER, OBJECT, STRING, type NumberShape, type Shape } from './shapes.ts'
import { ASSERTIONS, COMBINATIONS, isAnnotation, isWithoutEffect, misspelled } from './vocabulary.ts'
import { TooComplex } from './work.ts'

/** Values of an `enum`. */
export const MAX_CONSTANTS = 1000

/** The assertions that exclude most values, in order. */
const SELECTIVE =
  ['const', 'enum', 'required', 'pattern', 'minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties']
const TYPES = ['null', 'boolean', 'integer', 'number', 'string', 'array', 'object']

/**
 * Returns the shapes that a schema's own assertions allow, without `COMBINATIONS`.
 * @param formats false to treat every string as a string of every format
 * @returns null when they allow everything
 * @throws UnsupportedSchemaError
 */
export function ownShapes (node: Subschema, formats: boolean): Shape[] | null {
  const keywords = node.schema as Keywords
  checkKeywords(node)
  if (keywords.not !== undefined && keywords.not !== false) return []
  if (!Object.keys(keywords).some(keyword => ASSERTIONS.has(keyword))) return null

  const typed = typesOf(node, keywords).flatMap((type): Shape[] => {
    const shape = normal(shapeOf(type, node, keywords, formats))
    return shape === null ? [] : [shape]
  })
  return ['const', 'enum'].filter(keyword => Object.hasOwn(keywords, keyword)).reduce((shapes, keyword) => {
    const values = keyword === 'const' ? [keywords.const] : listOf(node, keyword, keywords.enum)
    if (values.length > MAX_CONSTANTS) {
      refuse(node, keyword, SCHEMA_FAULTS.tooManyConstants(MAX_CONSTANTS))
    }
    const constants = shapesOfValues(node, values)
    return shapes.flatMap(shape => constants.flatMap(one => meet(shape, one) ?? []))
  }, typed)
}

/** Returns the keyword for an error about the whole schema: the one that probably excludes most values. */
export function mainKeyword ({ schema }: Subschema): string {
  if (typeof schema === 'boolean') return String(schema)
  return SELECTIVE.find(keyword => keyword in schema) ??
    Object.keys(schema).find(keyword => keyword !== 'type' && !isAnnotation(keyword)) ?? 'type'
}

/**
 * Refuses keywords that constrain a value and cannot be enforced. Unknown keywords and formats are ignored, as the
 * specification says.
 * @throws UnsupportedSchemaError
 */
export function checkKeywords (node: Subschema): void {
  const keywords = node.schema as Keywords
  for (const [keyword, value] of Object.entries(keywords)) {
    const isOff = value === false || (keyword === 'not' && isEverything(value))
    if (keyword === 'uniqueItems' && !isOff) refuseConstraint(node, keyword, SCHEMA_FAULTS.notUnique)
    if (keyword === 'not' && !isOff) refuseConstraint(node, keyword, SCHEMA_FAULTS.unsupported)
    if (isWithoutEffect(keyword, keywords)) continue
    if (ASSERTIONS.has(keyword) || COMBINATIONS.has(keyword) || isAnnotation(keyword)) continue
    const meant = misspelled(keyword)
    if (meant !== null) refuse(node, keyword, SCHEMA_FAULTS.misspelled(meant))
    refuseConstraint(node, keyword, SCHEMA_FAULTS.unsupported)
  }
  mapOf(node)
  const { format } = keywords
  if (format !== undefined && typeof format !== 'string') refuse(node, 'format', SCHEMA_FAULTS.mustBeString)
}

/** Returns whether every value satisfies a schema. Its negation is how generators write "never". */
function isEverything (schema: unknown): boolean {
  return schema === true || (typeof schema === 'object' && schema !== null && Object.keys(schema).every(isAnnotation))
}

function typesOf (node: Subschema, { type, nullable }: Keywords): string[] {
  if (type === undefined) return TYPES.filter(one => one !== 'integer')
  // Gemini's schemas have types in capitals.
  const names = (Array.isArray(type) ? type : [type]).map(one => isCapital(one) ? one.toLowerCase() : one)
  const types = new Set(names)
  for (const one of types) {
    if (!TYPES.includes(one)) refuse(node, 'type', SCHEMA_FAULTS.mustBeOneOf(TYPES))
  }
  // In OpenAPI 3.0, `nullable` extends `type` but not `enum`.
  if (nullable === true) types.add('null')
  if (types.has('number')) types.delete('integer')
  return [...types]
}

function isCapital (type: unknown): type is string {
  return typeof type === 'string' && type === type.toUpperCase()
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
    case 'array': return arrayShape(node, keywords)
    default: return objectShape(node, keywords, formats)
  }
}

function objectShape (node: Subschema, keywords: Keywords, formats: boolean): Shape {
  const names = keywords.propertyNames === undefined ? [] : [child(node, 'propertyNames')]
  const map = mapOf(node)
  // The grammar leaves out names that do not match the pattern of a map, although they are valid.
  if (map !== null && formats && !ANY_NAME.has(map)) names.push(ofPattern(node, map))
  const others = map === null ? restOf(node, 'additionalProperties') : formats ? conjunction(valueOf(node, map)) : []
  return {
    ...OBJECT,
    min: countOf(node, 'minProperties', 0),
    max: countOf(node, 'maxProperties', Infinity),
    properties: new Map(
      Object.keys(objectOf(node, 'properties')).map(name => [name, conjunction(child(node, 'properties', name))])
    ),
    required: requiredOf(node, keywords),
    others,
    names: conjunction(...names),
    declared: keywords.properties !== undefined,
    open: keywords.additionalProperties !== undefined || map !== null
  }
}

const valueOf = (node: Subschema, pattern: string) => child(node, 'patternProperties', pattern)

/** Patterns of TypeBox for any name. */
const ANY_NAME = new Set(['^.*$', '^(.*)$', '.*', ''])

/**
 * Returns the pattern of an object that has `patternProperties` alone: TypeBox writes maps like this.
 * @returns null for an object without `patternProperties`
 * @throws UnsupportedSchemaError for other uses
 */
function mapOf (node: Subschema): string | null {
  const { patternProperties, properties, additionalProperties } = node.schema as Keywords
  if (patternProperties === undefined) return null
  const [pattern, ...others] = Object.keys(objectOf(node, 'patternProperties'))
  const isMap = pattern !== undefined && others.length === 0 && properties === undefined &&
    (additionalProperties === undefined || typeof additionalProperties === 'boolean')
  if (!isMap) refuseConstraint(node, 'patternProperties', SCHEMA_FAULTS.unsupported)
  return pattern
}

function arrayShape (node: Subschema, { prefixItems, items }: Keywords): Shape {
  // Before draft 2020-12, the schemas of a tuple were in `items`, and the others in `additionalItems`.
  const isOld = prefixItems === undefined && Array.isArray(items)
  const [tuple, rest] = isOld ? ['items', 'additionalItems'] as const : ['prefixItems', 'items'] as const
  const list = isOld ? items : prefixItems === undefined ? [] : listOf(node, 'prefixItems', prefixItems)
  return {
    ...ARRAY,
    min: countOf(node, 'minItems', 0),
    max: countOf(node, 'maxItems', Infinity),
    prefix: list.map((_, index) => conjunction(child(node, tuple, index))),
    rest: restOf(node, rest),
    tuple: isOld || prefixItems !== undefined,
    list: (node.schema as Keywords)[rest] !== undefined
  }
}

function restOf (node: Subschema, keyword: 'items' | 'additionalItems' | 'additionalProperties'): Conjunction | null {
  const rest = (node.schema as Keywords)[keyword]
  if (rest === undefined || rest === true) return []
  if (Array.isArray(rest)) refuse(node, keyword, SCHEMA_FAULTS.mustBeOneSchema)
  return rest === false ? null : conjunction(child(node, keyword))
}

function numberShape (node: Subschema, keywords: Keywords, integer: boolean, formats: boolean): NumberShape {
  const { format } = keywords
  const range = formats && typeof format === 'string' ? NUMBER_FORMATS.get(format) ?? {} : {}
  const bound = (keyword: string, open: boolean): NumberBound[] => {
    const value = keywords[keyword]
    if (value === undefined || (open && typeof value === 'boolean')) return []
    if (typeof value !== 'number') refuse(node, keyword, SCHEMA_FAULTS.mustBeNumber)
    return [{ value, open }]
  }
  // In draft 4 and OpenAPI 3.0, `exclusiveMinimum: true` excludes `minimum` itself.
  const inclusive = (keyword: 'minimum' | 'maximum', exclusive: string): NumberBound[] =>
    bound(keyword, false).map(({ value }) => ({ value, open: keywords[exclusive] === true }))
  const closed = (value: number | undefined): NumberBound[] => value === undefined ? [] : [{ value, open: false }]
  const own = { ...NUMBER, whole: integer || range.whole === true }
  const bounds: NumberShape[] = [
    ...[
      ...inclusive('minimum', 'exclusiveMinimum'), ...bound('exclusiveMinimum', true), ...closed(range.min)
    ].map(min => ({ ...own, min })),
    ...[
      ...inclusive('maximum', 'exclusiveMaximum'), ...bound('exclusiveMaximum', true), ...closed(range.max)
    ].map(max => ({ ...own, max }))
  ]
  return bounds.reduce((shape, one) => meet(shape, one) as NumberShape | null ?? { ...own, values: [] }, own)
}

function stringsOf (node: Subschema, { pattern, format }: Keywords, formats: boolean): Automaton | null {
  const ofFormat = formats && typeof format === 'string' ? formatAutomaton(format) : null
  const isImplied = typeof pattern === 'string' && typeof format === 'string' && impliesPattern(format, pattern)
  const ofPattern = pattern === undefined || isImplied ? null : compilePatternOf(node)
  return ofFormat && ofPattern ? intersect(ofFormat, ofPattern) : ofFormat ?? ofPattern
}

/**
 * Compiles the pattern of a schema.
 * @throws UnsupportedSchemaError
 */
export function compilePatternOf (node: Subschema): Automaton {
  const { pattern } = node.schema as Keywords
  if (typeof pattern !== 'string') refuse(node, 'pattern', SCHEMA_FAULTS.mustBeString)
  const known = node.document.patterns.get(pattern)
  if (known !== undefined) return known
  try {
    const automaton = compilePattern(pattern)
    node.document.patterns.set(pattern, automaton)
    return automaton
  } catch (error) {
    if (error instanceof TooComplex) refuseConstraint(node, 'pattern', SCHEMA_FAULTS.tooComplex)
    if (error instanceof UnsupportedPattern) {
      refuseConstraint(node, 'pattern', SCHEMA_FAULTS.unsupportedPattern(error.message))
    }
    if (error instanceof SyntaxError) refuse(node, 'pattern', SCHEMA_FAULTS.invalidPattern(error.message))
    throw error
  }
}

/** Returns one shape for all values of a simple type, and one shape for each list and each object. */
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
    refuse(node, keyword, SCHEMA_FAULTS.mustBeCount)
  }
  if (value > MAX_REPETITION) refuse(node, keyword, SCHEMA_FAULTS.tooLarge(MAX_REPETITION))
  return value
}

function listOf (node: Subschema, keyword: string, value: unknown): unknown[] {
  if (!Array.isArray(value)) refuse(node, keyword, SCHEMA_FAULTS.mustBeList)
  return value
}

function objectOf (node: Subschema, keyword: string): Record<string, unknown> {
  const { [keyword]: value = {} } = node.schema as Keywords
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    refuse(node, keyword, SCHEMA_FAULTS.mustBeObject)
  }
  return value as Record<string, unknown>
}

function requiredOf (node: Subschema, { required = [] }: Keywords): Set<string> {
  const names = listOf(node, 'required', required)
  if (!names.every(name => typeof name === 'string')) {
    refuse(node, 'required', SCHEMA_FAULTS.mustBeNames)
  }
  return new Set(names as string[])
}
