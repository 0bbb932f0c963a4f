import { accepts, intersect as both, lengths, ofLength, type Automaton } from './automaton.ts'
import { conjunction, type Conjunction } from './document.ts'
import type { NumberBound } from './numbers.ts'
import { spend } from './work.ts'

/**
 * The values of one type that a schema allows. A schema is equivalent to a list of shapes: a value is valid when it is
 * of one of them. Items and properties of a shape are conjunctions of schemas, which are turned into shapes when they
 * are needed, so recursive schemas have finite shapes.
 */
export type Shape = NullShape | BooleanShape | NumberShape | StringShape | ArrayShape | ObjectShape

export interface NullShape { readonly type: 'null' }
export interface BooleanShape { readonly type: 'boolean', readonly values: readonly boolean[] }
export interface NumberShape {
  readonly type: 'number'
  readonly whole: boolean
  readonly min: NumberBound
  readonly max: NumberBound
  /** Null for all numbers within the bounds. */
  readonly values: readonly number[] | null
}
export interface StringShape {
  readonly type: 'string'
  /** Null for all strings of the lengths and of the automaton. */
  readonly values: readonly string[] | null
  /** Code points. */
  readonly min: number
  readonly max: number
  readonly automaton: Automaton | null
}
export interface ArrayShape {
  readonly type: 'array'
  readonly min: number
  readonly max: number
  readonly prefix: readonly Conjunction[]
  /** The items after the prefix; null when there are none. */
  readonly rest: Conjunction | null
  /** The schema has `prefixItems`. */
  readonly tuple: boolean
  /** The schema has `items`. */
  readonly list: boolean
}
export interface ObjectShape {
  readonly type: 'object'
  readonly min: number
  readonly max: number
  readonly properties: ReadonlyMap<string, Conjunction>
  readonly required: ReadonlySet<string>
  /** All other properties; null when there are none. */
  readonly others: Conjunction | null
  /** The names of all properties, as strings. */
  readonly names: Conjunction
  /** The schema has `properties`. */
  readonly declared: boolean
  /** The schema has `additionalProperties`. */
  readonly open: boolean
}

const UNBOUNDED = { min: { value: -Infinity, open: false }, max: { value: Infinity, open: false } }

export const NULL: NullShape = { type: 'null' }
export const BOOLEAN: BooleanShape = { type: 'boolean', values: [true, false] }
export const NUMBER: NumberShape = { type: 'number', whole: false, ...UNBOUNDED, values: null }
export const STRING: StringShape = { type: 'string', values: null, min: 0, max: Infinity, automaton: null }
export const ARRAY: ArrayShape =
  { type: 'array', min: 0, max: Infinity, prefix: [], rest: [], tuple: false, list: false }
export const OBJECT: ObjectShape = {
  type: 'object',
  min: 0,
  max: Infinity,
  properties: new Map(),
  required: new Set(),
  others: [],
  names: [],
  declared: false,
  open: false
}
/** The shapes of all values. */
export const ANY: readonly Shape[] = [NULL, BOOLEAN, NUMBER, STRING, ARRAY, OBJECT]

/**
 * Returns the intersection of two shapes, without resolving the schemas of items and properties.
 * @returns null when the intersection is empty
 * @throws TooComplex
 */
export function meet (a: Shape, b: Shape): Shape | null {
  if (a.type === 'null' && b.type === 'null') return a
  if (a.type === 'boolean' && b.type === 'boolean') {
    return normal({ ...a, values: a.values.filter(value => b.values.includes(value)) })
  }
  if (a.type === 'number' && b.type === 'number') {
    return normal({
      type: 'number',
      whole: a.whole || b.whole,
      min: a.min.value > b.min.value || (a.min.value === b.min.value && a.min.open) ? a.min : b.min,
      max: a.max.value < b.max.value || (a.max.value === b.max.value && a.max.open) ? a.max : b.max,
      values: common(a.values, b.values)
    })
  }
  if (a.type === 'string' && b.type === 'string') {
    const automaton = a.automaton && b.automaton ? both(a.automaton, b.automaton) : a.automaton ?? b.automaton
    return normal({
      type: 'string',
      values: common(a.values, b.values),
      min: Math.max(a.min, b.min),
      max: Math.min(a.max, b.max),
      automaton
    })
  }
  if (a.type === 'array' && b.type === 'array') return meetArrays(a, b)
  if (a.type === 'object' && b.type === 'object') return meetObjects(a, b)
  return null
}

/** Joins the constants of each type to one shape: `anyOf` often lists constants that could be an `enum`. */
export function joinValues (shapes: readonly Shape[]): Shape[] {
  const isConstant = (shape: Shape) => (shape.type === 'string' || shape.type === 'number') && shape.values !== null
  const strings = shapes.flatMap(shape => shape.type === 'string' ? shape.values ?? [] : [])
  const numbers = shapes.flatMap(shape => shape.type === 'number' ? shape.values ?? [] : [])
  return [
    ...shapes.filter(shape => !isConstant(shape)),
    ...strings.length > 0 ? [{ ...STRING, values: strings }] : [],
    ...numbers.length > 0 ? [{ ...NUMBER, values: numbers }] : []
  ]
}

/** Returns the normal form of a shape, on which other functions rely; null for a shape without values. */
export function normal (shape: Shape): Shape | null {
  switch (shape.type) {
    case 'null': return shape
    case 'boolean': return shape.values.length > 0 ? shape : null
    case 'number': return normalNumber(shape)
    case 'string': return normalString(shape)
    case 'array': {
      const max = shape.rest === null ? Math.min(shape.max, shape.prefix.length) : shape.max
      return shape.min <= max ? { ...shape, max } : null
    }
    case 'object': {
      const { others, required, min, max } = shape
      if (Math.max(min, required.size) > max) return null
      const properties = new Map(shape.properties)
      for (const name of required) {
        if (properties.has(name)) continue
        if (others === null) return null
        properties.set(name, others)
      }
      return { ...shape, properties }
    }
  }
}

/**
 * Restricts a shape to the values that are written. An object with `properties` has other properties only if the schema
 * has `additionalProperties`. A tuple is complete, and has more items only if the schema has `items`.
 */
export function asWritten (shape: Shape): Shape {
  if (shape.type === 'object') return shape.declared && !shape.open ? { ...shape, others: null } : shape
  if (shape.type !== 'array' || !shape.tuple) return shape
  const min = Math.max(shape.min, Math.min(shape.prefix.length, shape.max))
  return { ...shape, min, max: shape.list ? shape.max : Math.min(shape.max, min) }
}

function normalNumber (shape: NumberShape): NumberShape | null {
  const { whole, min, max, values } = shape
  if (values !== null) {
    const fitting =
      values.filter(value => (!whole || Number.isInteger(value)) && isAbove(value, min) && isBelow(value, max))
    return fitting.length > 0 ? { ...NUMBER, values: fitting } : null
  }
  const low = whole && Number.isFinite(min.value)
    ? { value: min.open ? Math.floor(min.value) + 1 : Math.ceil(min.value), open: false }
    : min
  return isBelow(low.value, max) && isAbove(max.value, min) ? { ...shape, min: low } : null
}

function isAbove (value: number, { value: bound, open }: NumberBound): boolean {
  return open ? value > bound : value >= bound
}

function isBelow (value: number, { value: bound, open }: NumberBound): boolean {
  return open ? value < bound : value <= bound
}

function normalString (shape: StringShape): StringShape | null {
  const { values, min, max, automaton } = shape
  if (values !== null) {
    const fitting = values.filter(value => {
      const length = [...value].length
      return length >= min && length <= max && (automaton === null || accepts(automaton, value))
    })
    return fitting.length > 0 ? { ...STRING, values: fitting } : null
  }
  if (min > max || automaton?.length === 0) return null
  if (automaton === null) return shape
  const { shortest, longest } = lengths(automaton)
  if (min <= shortest && longest <= max) return { ...STRING, automaton }
  const fitting = both(automaton, ofLength(min, longest <= max ? Infinity : max))
  return fitting.length > 0 ? { ...STRING, automaton: fitting } : null
}

function common<T> (a: readonly T[] | null, b: readonly T[] | null): readonly T[] | null {
  if (a === null || b === null) return a ?? b
  const others = new Set(b)
  return a.filter(value => others.has(value))
}

function meetArrays (a: ArrayShape, b: ArrayShape): Shape | null {
  const prefix: Conjunction[] = []
  let rest = alsoOf(a.rest, b.rest)
  for (let i = 0; i < Math.max(a.prefix.length, b.prefix.length); i++) {
    const item = alsoOf(a.prefix[i] ?? a.rest, b.prefix[i] ?? b.rest)
    if (item === null) {
      rest = null
      break
    }
    prefix.push(item)
  }
  return normal({
    type: 'array',
    min: Math.max(a.min, b.min),
    max: Math.min(a.max, b.max),
    prefix,
    rest,
    tuple: a.tuple || b.tuple,
    list: a.list || b.list
  })
}

function meetObjects (a: ObjectShape, b: ObjectShape): Shape | null {
  spend(a.properties.size + b.properties.size)
  const properties = new Map<string, Conjunction>()
  const required = new Set([...a.required, ...b.required])
  for (const name of new Set([...a.properties.keys(), ...b.properties.keys()])) {
    const value = alsoOf(a.properties.get(name) ?? a.others, b.properties.get(name) ?? b.others)
    if (value !== null) properties.set(name, value)
    else if (required.has(name)) return null
    // A property that only one shape declares must satisfy `others` of the other shape.
  }
  return normal({
    type: 'object',
    min: Math.max(a.min, b.min),
    max: Math.min(a.max, b.max),
    properties,
    required,
    others: alsoOf(a.others, b.others),
    names: conjunction(...a.names, ...b.names),
    declared: a.declared || b.declared,
    open: a.open || b.open
  })
}

function alsoOf (a: Conjunction | null, b: Conjunction | null): Conjunction | null {
  return a === null || b === null ? null : conjunction(...a, ...b)
}
