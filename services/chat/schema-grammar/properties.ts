import { isKnown, type Layout } from './layout.ts'
import type { Rules } from './rules.ts'
import { spend } from './work.ts'

/** The properties of one object. */
export interface Properties {
  /** In the order in which they are written. `value` is the rule of the value. */
  readonly properties: ReadonlyArray<{ readonly name: string, readonly value: string, readonly required: boolean }>
  /** The rules for name and value of all other properties; null when there are none. */
  readonly extra: { readonly name: string, readonly value: string } | null
  /** Bounds of the number of properties. */
  readonly min: number
  readonly max: number
}

/** Rules for values after the same name, which llama.cpp follows in parallel. */
export type Fork = readonly string[]

export interface WrittenProperties {
  /** GBNF for all properties; null when no such object exists. */
  body: string | null
  forks: Fork[]
  /** Maximum number of names that may come next at any place. */
  widest: number
}

/** The rest of an object: its properties from an index on, after `taken` properties. */
interface Rest { readonly plan: Plan, readonly index: number, readonly taken: number }
type Plan = ReturnType<typeof planOf>

// Above these limits, merging objects would make too many states.
const MAX_MERGED_PROPERTIES = 200
const MAX_MERGED_EXTRAS = 50

function planOf (given: Properties, id: number) {
  const { properties, extra, min, max } = given
  const count = properties.length
  /** The number of required properties from an index on. */
  const requiredFrom = Array.from({ length: count + 1 }, () => 0)
  for (let index = count - 1; index >= 0; index--) {
    requiredFrom[index] = requiredFrom[index + 1]! + (properties[index]!.required ? 1 : 0)
  }
  const counts = min > requiredFrom[0]! || max < count || (max !== Infinity && extra !== null)
  // Two other properties may have the same name, so only one of them counts towards `min`.
  const certain = extra === null ? 0 : 1
  return {
    ...given,
    id,
    count,
    /** `taken` after one more property. Numbers above the bounds are merged. */
    next: (taken: number) => counts ? Math.min(taken + 1, max === Infinity ? min : max + 1) : 0,
    /** Whether the rest of the object can satisfy the bounds. */
    fits: (index: number, taken: number) =>
      !counts || (taken + requiredFrom[index]! <= max && taken + count - index + certain >= min),
    mayEnd: (index: number, taken: number) => requiredFrom[index] === 0 && (!counts || taken >= min),
    /** The number of other properties that may follow. */
    extras: (taken: number): [least: number, most: number] =>
      counts ? [Math.max(0, min - taken), max - taken] : [0, Infinity]
  }
}

/**
 * Writes one object, with two rules for each property: `pick` starts with this property or a later one, `after`
 * continues after the properties before it. If properties are counted, it writes two rules for each count.
 */
export function writeProperties (rules: Rules, given: Properties, layout: Layout): WrittenProperties {
  const plan = planOf(given, 0)
  const { properties, extra, count, next, fits, mayEnd } = plan
  const done = new Map<string, string | null>()

  /** Returns a rule, which is written once; null without alternatives. */
  function once (kind: string, index: number, taken: number, ways: () => Array<string | null>): string | null {
    const key = `${kind} ${index} ${taken}`
    let name = done.get(key)
    if (name === undefined) {
      const open = ways().filter(way => way !== null)
      name = open.length > 0 ? rules.add('o', open.join(' | ')) : null
      done.set(key, name)
    }
    return name
  }

  function pick (index: number, taken: number): string | null {
    if (!fits(index, taken)) return null
    if (index === count) return pickExtra(taken)
    return once('pick', index, taken, () => {
      const { name, value, required } = properties[index]!
      const rest = after(index + 1, next(taken))
      const chosen = rest === null ? null : `${layout.pair(layout.name(name), value)} ${rest}`
      return [chosen, required ? null : pick(index + 1, taken)]
    })
  }

  function pickExtra (taken: number): string | null {
    const [least, most] = plan.extras(taken)
    return extra === null || most < 1 || least > 1
      ? null
      : layout.list(rules.add('pair', layout.pair(extra.name, extra.value)), 1, most)
  }

  function after (index: number, taken: number): string | null {
    if (!fits(index, taken)) return null
    return once('after', index, taken, () => {
      const more = pick(index, taken)
      return [mayEnd(index, taken) ? '""' : null, more === null ? null : layout.next(more)]
    })
  }

  // Starts at the end, which avoids deep recursion.
  if (next(0) === 0) for (let index = count; index > 0; index--) after(index, 0)
  const some = pick(0, 0)
  const body = !mayEnd(0, 0) ? some : some === null ? '""' : rules.add('o', `"" | ${some}`)
  return {
    body, forks: [...properties.map(({ value }) => [value]), ...extra ? [[extra.value]] : []], widest: longestRun(given)
  }
}

/** Returns the length of the longest run of optional properties, plus one. */
function longestRun ({ properties }: Properties): number {
  let longest = 1
  let run = 1
  for (const { required } of properties) {
    run = required ? 1 : run + 1
    longest = Math.max(longest, run)
  }
  return longest
}

/**
 * Writes the alternatives of several objects. Objects with the same first properties share rules: llama.cpp would
 * otherwise follow each object in parallel, and multiply them with each level of recursion.
 */
export function mergeProperties (
  rules: Rules, given: readonly Properties[], layout: Layout
): WrittenProperties {
  const plans = given.map(planOf)
  const done = new Map<string, string | null>()
  const forks: Fork[] = []
  let widest = 1

  /** Returns the properties that may come next, each with the possible rests of the objects after it. */
  function choices (rests: readonly Rest[]): Array<{ name: string, value: string, rests: Rest[] }> {
    const found = new Map<string, { name: string, value: string, rests: Rest[] }>()
    const add = (name: string, value: string, rest: Rest) => {
      spend(1)
      if (!rest.plan.fits(rest.index, rest.taken)) return
      const key = `${name} ${value}`
      const same = found.get(key)
      if (same === undefined) found.set(key, { name, value, rests: [rest] })
      else same.rests.push(rest)
    }
    for (const { plan, index, taken } of rests) {
      for (let at = index; at <= plan.count; at++) {
        const property = plan.properties[at]
        if (property) add(layout.name(property.name), property.value, { plan, index: at + 1, taken: plan.next(taken) })
        else if (plan.extra && plan.extras(taken)[0] <= 1 && plan.extras(taken)[1] >= 1) {
          add(plan.extra.name, plan.extra.value, { plan, index: plan.count, taken: plan.next(taken) })
        }
        if (property?.required) break
      }
    }
    return [...found.values()]
  }

  /** Returns a rule, which is written once and may refer to itself; null without alternatives. */
  function once (kind: string, rests: readonly Rest[], ways: () => Array<string | null>): string | null {
    const places = [...new Set(rests.map(({ plan, index, taken }) => `${plan.id}.${index}.${taken}`))].sort()
    const key = `${kind} ${places.join(' ')}`
    const known = done.get(key)
    if (known !== undefined) return known
    const name = rules.reserve('o')
    done.set(key, name)
    const open = ways().filter(way => way !== null)
    rules.define(name, open.length > 0 ? open.join(' | ') : '""')
    if (open.length === 0) done.set(key, null)
    return done.get(key)!
  }

  function pick (rests: readonly Rest[]): string | null {
    const next = choices(rests)
    if (next.length === 0) return null
    return once('pick', rests, () => {
      widest = Math.max(widest, next.length)
      // A name of `extra` may equal a known name.
      const unknown = next.filter(({ name }) => !isKnown(name)).map(({ value }) => value)
      for (const name of new Set(next.map(choice => choice.name))) {
        const values = next.filter(choice => choice.name === name).map(({ value }) => value)
        forks.push(isKnown(name) ? [...values, ...unknown] : values)
      }
      return next.map(choice => {
        const rest = after(choice.rests)
        return rest === null ? null : `${layout.pair(choice.name, choice.value)} ${rest}`
      })
    })
  }

  function after (rests: readonly Rest[]): string | null {
    return once('after', rests, () => {
      const more = pick(rests)
      return [
        rests.some(({ plan, index, taken }) => plan.mayEnd(index, taken)) ? '""' : null,
        more === null ? null : layout.next(more)
      ]
    })
  }

  const rests = plans.map((plan): Rest => ({ plan, index: 0, taken: 0 })).filter(({ plan }) => plan.fits(0, 0))
  const some = pick(rests)
  const mayBeEmpty = rests.some(({ plan }) => plan.mayEnd(0, 0))
  return { body: !mayBeEmpty ? some : some === null ? '""' : rules.add('o', `"" | ${some}`), forks, widest }
}

export function canMerge (given: readonly Properties[]): boolean {
  return given.every(({ properties, extra, max }) =>
    properties.length <= MAX_MERGED_PROPERTIES && (extra === null || max === Infinity || max <= MAX_MERGED_EXTRAS))
}
