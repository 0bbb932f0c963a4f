import { accepts, intersect as both, lengths, ofLength, type Automaton } from './automaton.ts'
import { conjunction, type Conjunction } from './document.ts'
import type { Bound } from './numbers.ts'
import { spend } from './work.ts'

/**
 * What a schema says, in a form without logic: a list of shapes, each for one type of value, of which a value has to be one.
 * Below a shape schemas stand as conjunctions, so that recursion has an end: they are turned into shapes when they are met.
 */
export type Shape = NullShape | BooleanShape | NumberShape | StringShape | ArrayShape | ObjectShape

export interface NullShape { readonly type: 'null' }
export interface BooleanShape { readonly type: 'boolean', readonly values: readonly boolean[] }
export interface NumberShape {
  readonly type: 'number'
  readonly whole: boolean
  readonly min: Bound
  readonly max: Bound
  /** Null: all within the bounds. */
  readonly values: readonly number[] | null
}
export interface StringShape {
  readonly type: 'string'
  /** Null: all of these lengths in code points, and of the automaton, unless it is null too. */
  readonly values: readonly string[] | null
  readonly min: number
  readonly max: number
  readonly automaton: Automaton | null
}
export interface ArrayShape {
  readonly type: 'array'
  readonly min: number
  readonly max: number
  readonly prefix: readonly Conjunction[]
  /** What follows the prefix; null: nothing. */
  readonly rest: Conjunction | null
  /** Whether the schema has `prefixItems`, and whether it has `items`. */
  readonly tuple: boolean
  readonly list: boolean
}
export interface ObjectShape {
  readonly type: 'object'
  readonly min: number
  readonly max: number
  readonly properties: ReadonlyMap<string, Conjunction>
  readonly required: ReadonlySet<string>
  /** All other properties; null: there are none. */
  readonly others: Conjunction | null
  /** All names, as strings. */
  readonly names: Conjunction
  /** Whether the schema has `properties`, and whether it has `additionalProperties`. */
  readonly declared: boolean
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
/** Every value. */
export const ANY: readonly Shape[] = [NULL, BOOLEAN, NUMBER, STRING, ARRAY, OBJECT]

/**
 * What is of both shapes, as far as it can be told without looking at the schemas below them.
 * @returns null when nothing is
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

/** The same shapes, constants of one type as one of them: `anyOf` often lists what could be an `enum`. */
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

/** The same shape in the form that the others rely on, or null when nothing is of it. */
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
 * What of a shape is written. Names and items that nobody asked for are not: an object with `properties` has others only where
 * `additionalProperties` is given, a tuple is written in full and has more items only where `items` is given.
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

function isAbove (value: number, { value: bound, open }: Bound): boolean {
  return open ? value > bound : value >= bound
}

function isBelow (value: number, { value: bound, open }: Bound): boolean {
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
    // What only one of them knows is among the others of the other one, where nothing is left for it.
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
