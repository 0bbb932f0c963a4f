import {
  bounded, child, conjunction, conjunctionKey, constant, refuse, resolveRef, type Conjunction, type Keywords,
  type Subschema
} from './document.ts'
import { createFindUnenforceable } from './enforceable.ts'
import { SCHEMA_FAULTS } from './faults.ts'
import { mainKeyword, ownShapes } from './keywords.ts'
import { ANY, asWritten, joinValues, meet, normal, type ArrayShape, type ObjectShape, type Shape } from './shapes.ts'
import { spend } from './work.ts'

/** Shapes of one value. */
const MAX_SHAPES = 300
/** Cost of a schema, in steps. */
const SCHEMA_WORK = 150
/** Cost of a pair of shapes, in steps. */
const PAIR_WORK = 20
/** Levels of schemas within schemas. */
const MAX_DEPTH = 100

export type Resolver = ReturnType<typeof createResolver>

/**
 * Turns schemas into shapes.
 * @param formats false to treat every string as a string of every format. Shapes that are disjoint then are disjoint in
 *   any case, although `formats.ts` describes only a part of most formats.
 */
export function createResolver ({ formats }: { formats: boolean }) {
  const shapes = new Map<number, readonly Shape[]>()
  const existing = new Map<string, readonly Shape[]>()
  const emptied = new Map<number, string>()
  const exclusive = new Map<number, Subschema>()
  const open = new Set<number>()
  const visiting = new Set<string>()
  const findUnenforceable = createFindUnenforceable()

  function meetAll (
    some: readonly Shape[], others: readonly Shape[], node: Subschema, keyword: string
  ): readonly Shape[] {
    if (some === ANY) return others
    if (others === ANY) return some
    return bounded(node, keyword, () => {
      spend(some.length * others.length * PAIR_WORK)
      return limited(some.flatMap(one => others.flatMap(other => meet(one, other) ?? [])), node, keyword)
    })
  }

  function limited (all: readonly Shape[], node: Subschema, keyword: string): readonly Shape[] {
    const unique = joinValues([...new Set(all)])
    if (unique.length > MAX_SHAPES) refuse(node, keyword, SCHEMA_FAULTS.tooManyAlternatives(MAX_SHAPES))
    return unique
  }

  /** Returns the shapes of one schema. `referred` keeps it from being called for a schema that is being resolved. */
  function shapesOf (node: Subschema): readonly Shape[] {
    const known = shapes.get(node.id)
    if (known !== undefined) return known
    if (open.size > MAX_DEPTH) refuse(node, mainKeyword(node), SCHEMA_FAULTS.tooDeep(MAX_DEPTH))
    open.add(node.id)
    const found = typeof node.schema === 'boolean' ? (node.schema ? ANY : []) : combine(node)
    open.delete(node.id)
    shapes.set(node.id, found)
    return found
  }

  function combine (node: Subschema): readonly Shape[] {
    const keywords = node.schema as Keywords
    let result: readonly Shape[] = own(node)
    const also = (keyword: string, more: readonly Shape[]) => {
      const before = result.length
      result = meetAll(result, more, node, keyword)
      if (before > 0 && result.length === 0) emptied.set(node.id, keyword)
    }
    if (keywords.$ref !== undefined) also('$ref', referred(node))
    for (const schema of branches(node, 'allOf')) also('allOf', shapesOf(schema))
    if (keywords.anyOf !== undefined) also('anyOf', limited(anyOf(node), node, 'anyOf'))
    if (keywords.oneOf !== undefined) {
      exclusive.set(node.id, node)
      const ways =
        branches(node, 'oneOf').flatMap(schema => meetAll(result, shapesOf(schema), node, 'oneOf').map(asWritten))
      if (result.length > 0 && ways.length === 0) emptied.set(node.id, 'oneOf')
      result = limited(ways, node, 'oneOf')
    }
    return result
  }

  /**
   * Returns the shapes of an `anyOf`. Branches that cannot be enforced are left out while one is left: every value of
   * the others is valid.
   */
  function anyOf (node: Subschema): readonly Shape[] {
    const all = branches(node, 'anyOf')
    const errors = all.map(branch => findUnenforceable(branch))
    if (all.length > 0 && !errors.includes(null)) throw errors[0]
    return all.flatMap((branch, index) => {
      if (errors[index] === null) return shapesOf(branch)
      // The values of such a branch are unknown, so it may overlap with any alternative of a `oneOf`.
      return formats ? [] : ANY
    })
  }

  function own (node: Subschema): readonly Shape[] {
    // The keyword that may exceed the budget is `pattern`, alone or together with the lengths.
    const keyword = 'pattern' in (node.schema as Keywords) ? 'pattern' : mainKeyword(node)
    return bounded(node, keyword, () => {
      spend(SCHEMA_WORK)
      const found = ownShapes(node, formats)
      return found === null ? ANY : limited(found, node, keyword)
    })
  }

  function referred (node: Subschema): readonly Shape[] {
    const target = resolveRef(node)
    if (open.has(target.id)) refuse(node, '$ref', SCHEMA_FAULTS.circularReference)
    return shapesOf(target)
  }

  /** Returns the shapes of the values that satisfy all of these schemas. Shapes without values are left out. */
  function shapesOfAll (all: Conjunction): readonly Shape[] {
    const key = conjunctionKey(all)
    const known = existing.get(key)
    if (known !== undefined) return known
    const found =
      all.reduce<readonly Shape[]>((result, node) => meetAll(result, shapesOf(node), node, mainKeyword(node)), ANY)
    // A recursive value is assumed to exist. `checkEnds` of the writer finds recursion without an end.
    if (all.length === 0 || visiting.has(key)) return found
    if (visiting.size > MAX_DEPTH) {
      refuse(all[0]!, mainKeyword(all[0]!), SCHEMA_FAULTS.tooDeep(MAX_DEPTH))
    }
    visiting.add(key)
    const result = found.flatMap(shape => possible(shape) ?? [])
    visiting.delete(key)
    existing.set(key, result)
    return result
  }

  /**
   * Removes the items and properties that no value can satisfy from a shape. Returns null when one of them is required.
   */
  function possible (shape: Shape): Shape | null {
    if (shape.type === 'array') return possibleArray(shape)
    if (shape.type === 'object') return possibleObject(shape)
    return shape
  }

  function possibleArray (shape: ArrayShape): Shape | null {
    const end = shape.prefix.findIndex((item, index) => index < shape.max && shapesOfAll(item).length === 0)
    if (end !== -1) return normal({ ...shape, prefix: shape.prefix.slice(0, end), rest: null })
    const rest =
      shape.rest !== null && shape.max > shape.prefix.length && shapesOfAll(shape.rest).length > 0 ? shape.rest : null
    return normal({ ...shape, rest })
  }

  function possibleObject (shape: ObjectShape): Shape | null {
    const { names, required, others } = shape
    spend(shape.properties.size)
    const properties = new Map([...shape.properties].filter(([name, value]) => {
      const named = names.length === 0 || shapesOfAll(conjunction(...names, constant(names[0]!, name))).length > 0
      return named && shapesOfAll(value).length > 0
    }))
    if ([...required].some(name => !properties.has(name))) return null
    const more = others !== null && shapesOfAll(others).length > 0 && stringsOf(names).length > 0 ? others : null
    return more === null && properties.size < shape.min ? null : normal({ ...shape, properties, others: more })
  }

  /** Returns the shapes of names. */
  function stringsOf (names: Conjunction) {
    return shapesOfAll(names).filter(shape => shape.type === 'string')
  }

  /** Returns whether a value may be of both shapes. */
  function overlap (one: Shape, other: Shape): boolean {
    spend(PAIR_WORK)
    const shared = meet(one, other)
    return shared !== null && possible(shared) !== null
  }

  /** Returns the indices of two alternatives of a `oneOf` if a written value may satisfy both, otherwise null. */
  function ambiguity (node: Subschema): [number, number] | null {
    const base = combine({ ...node, schema: without(node.schema as Keywords, 'oneOf') })
    const ways = branches(node, 'oneOf').map(shapesOf)
    const written = ways.map(way => meetAll(base, way, node, 'oneOf').map(asWritten))
    for (const [i, some] of written.entries()) {
      for (const [j, others] of ways.entries()) {
        if (i === j) continue
        if (some.some(one => others.some(other => overlap(one, other)))) return [Math.min(i, j), Math.max(i, j)]
      }
    }
    return null
  }

  /** Returns the keyword that excluded the last value of a conjunction without shapes, and its schema. */
  function culprit (all: Conjunction): { node: Subschema, keyword: string } {
    for (const node of all) {
      if (shapesOf(node).length === 0) return { node, keyword: emptied.get(node.id) ?? mainKeyword(node) }
    }
    for (const shape of all.reduce<readonly Shape[]>(
      (result, node) => meetAll(result, shapesOf(node), node, mainKeyword(node)), ANY
    )) {
      const below = shape.type === 'object'
        ? [...shape.required].map(name => shape.properties.get(name)!)
        : shape.type === 'array' ? shape.prefix.slice(0, shape.min) : []
      const empty = below.find(one => shapesOfAll(one).length === 0)
      if (empty) return culprit(empty)
    }
    const node = all.at(-1)!
    return { node, keyword: emptied.get(node.id) ?? mainKeyword(node) }
  }

  return { shapesOfAll, stringsOf, ambiguity, culprit, exclusive }
}

/** Returns the schemas of a combining keyword. */
function branches (node: Subschema, keyword: 'allOf' | 'anyOf' | 'oneOf'): Subschema[] {
  const list = (node.schema as Keywords)[keyword] ?? []
  if (!Array.isArray(list)) refuse(node, keyword, SCHEMA_FAULTS.mustBeSchemas)
  return list.map((_, index) => child(node, keyword, index))
}

function without (keywords: Keywords, keyword: string): Keywords {
  return Object.fromEntries(Object.entries(keywords).filter(([name]) => name !== keyword))
}
