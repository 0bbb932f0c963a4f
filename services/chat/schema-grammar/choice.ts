import { UnsupportedSchemaError } from '../../../errors/catalogue.ts'
import { accepts } from './automaton.ts'
import { bounded, conjunction, rootOf, type Conjunction } from './document.ts'
import { createResolver } from './resolver.ts'
import type { ArrayShape, NumberShape, ObjectShape, Shape, StringShape } from './shapes.ts'
import { spend, startWork, TooComplex } from './work.ts'

/** Steps of one choice: about 50 ms at most, because the thread that serves HTTP chooses. */
const CHOICE_WORK = 100_000
/** Levels of values within values. */
const MAX_DEPTH = 100
/** Constants with which a value is compared in one step. */
const CONSTANTS_PER_STEP = 200

/** A value that a property may have. */
export interface Candidate { value: unknown }

/**
 * Chooses a candidate for each property of an object.
 * @param candidates the possible values of each property in order of preference
 * @returns null when no choice makes the object valid, when the schema cannot be enforced by a grammar, or when the
 *   choice would take too long
 */
export type Choose = <T extends Candidate>(candidates: ReadonlyMap<string, readonly T[]>) => Map<string, T> | null

/**
 * Creates a function that chooses the values of an object so that the object satisfies a JSON schema. Each alternative
 * of the schema is one shape, in which the properties do not depend on each other. So the choice finds a valid object
 * if there is one, without a test of all combinations. Patterns are automata, which take linear time.
 */
export function createChoice (schema: unknown): Choose {
  let allows: ReturnType<typeof createObjectCheck> | null = null
  let isPossible = true

  return candidates => {
    if (!isPossible) return null
    startWork(CHOICE_WORK)
    try {
      allows ??= createObjectCheck(schema)
      return allows(candidates)
    } catch (error) {
      if (error instanceof UnsupportedSchemaError) isPossible = false
      else if (!(error instanceof TooComplex)) throw error
      return null
    }
  }
}

/** @throws UnsupportedSchemaError */
function createObjectCheck (schema: unknown): Choose {
  const { root, values } = rootOf(schema)
  // The formats that a grammar writes are only a part of the valid ones.
  const resolver = createResolver({ formats: false })
  const objects = bounded(root, 'schema', () => {
    spend(values)
    return resolver.shapesOfAll(conjunction(root)).filter(shape => shape.type === 'object')
  })

  function isValid (all: Conjunction, value: unknown, depth: number): boolean {
    if (all.length === 0) return true
    if (depth > MAX_DEPTH) throw new TooComplex()
    const shapes = resolver.shapesOfAll(all)
    spend(shapes.length)
    return shapes.some(shape => isOf(shape, value, depth + 1))
  }

  function isOf (shape: Shape, value: unknown, depth: number): boolean {
    switch (shape.type) {
      case 'null': return value === null
      case 'boolean': return typeof value === 'boolean' && shape.values.includes(value)
      case 'number': return typeof value === 'number' && isNumber(shape, value)
      case 'string': return typeof value === 'string' && isString(shape, value)
      case 'array': return Array.isArray(value) && isArray(shape, value, depth)
      case 'object': return typeof value === 'object' && value !== null && !Array.isArray(value) &&
        isObject(shape, value, depth)
    }
  }

  function isArray ({ min, max, prefix, rest }: ArrayShape, items: unknown[], depth: number): boolean {
    return items.length >= min && items.length <= max && items.every((item, index) => {
      const allowed = prefix[index] ?? rest
      return allowed !== null && isValid(allowed, item, depth)
    })
  }

  function isObject (shape: ObjectShape, value: object, depth: number): boolean {
    const entries = Object.entries(value)
    return hasNames(shape, entries.map(([name]) => name), depth) &&
      entries.every(([name, one]) => isProperty(shape, name, one, depth))
  }

  function hasNames ({ min, max, required, names }: ObjectShape, given: string[], depth: number): boolean {
    if (given.length < min || given.length > max) return false
    const known = new Set(given)
    spend(required.size)
    return [...required].every(name => known.has(name)) && given.every(name => isValid(names, name, depth))
  }

  function isProperty ({ properties, others }: ObjectShape, name: string, value: unknown, depth: number): boolean {
    const allowed = properties.get(name) ?? others
    return allowed !== null && isValid(allowed, value, depth)
  }

  function choose<T extends Candidate> (
    shape: ObjectShape, candidates: ReadonlyMap<string, readonly T[]>
  ): Map<string, T> | null {
    if (!hasNames(shape, [...candidates.keys()], 0)) return null
    const chosen = new Map<string, T>()
    for (const [name, some] of candidates) {
      const one = some.find(({ value }) => isProperty(shape, name, value, 0))
      if (one === undefined) return null
      chosen.set(name, one)
    }
    return chosen
  }

  return candidates => {
    for (const shape of objects) {
      spend(1)
      const chosen = choose(shape, candidates)
      if (chosen !== null) return chosen
    }
    return null
  }
}

function isNumber ({ whole, min, max, values }: NumberShape, value: number): boolean {
  if (values !== null) return isConstant(values, value)
  return Number.isFinite(value) && (!whole || Number.isInteger(value)) &&
    (min.open ? value > min.value : value >= min.value) && (max.open ? value < max.value : value <= max.value)
}

function isString ({ values, min, max, automaton }: StringShape, value: string): boolean {
  if (values !== null) return isConstant(values, value)
  const length = min > 0 || max < Infinity ? [...value].length : 0
  return length >= min && length <= max && (automaton === null || accepts(automaton, value))
}

function isConstant<T> (values: readonly T[], value: T): boolean {
  spend(values.length / CONSTANTS_PER_STEP)
  return values.includes(value)
}
