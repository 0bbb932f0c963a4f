import { listed } from './free-values.ts'
import { literal, type Rules } from './rules.ts'

export interface Properties {
  /** With the rules of their values, in the order in which they come. */
  properties: ReadonlyArray<{ name: string, value: string, required: boolean }>
  /** The rule of any other property, name and value; null: there is none. */
  extra: string | null
  /** Bounds of their number. */
  min: number
  max: number
}

/**
 * What stands between the braces of an object. Two rules for each property: `pick` starts with it or a later one, `after` goes on
 * behind those before it. Where bounds have to be counted there are two for each count.
 * @returns null when there is no such object
 */
export function writeProperties (rules: Rules, { properties, extra, min, max }: Properties): string | null {
  const sp = rules.common('sp')
  const count = properties.length
  /** Of the properties from an index on. */
  const requiredFrom = Array.from({ length: count + 1 }, () => 0)
  for (let index = count - 1; index >= 0; index--) requiredFrom[index] = requiredFrom[index + 1]! + (properties[index]!.required ? 1 : 0)
  const counts = min > requiredFrom[0]! || max < count || (max !== Infinity && extra !== null)
  // Two other properties may have the same name, so one of them is all that is certain.
  const certain = extra === null ? 0 : 1
  const done = new Map<string, string | null>()

  /** Whether the bounds can be met from here. */
  const fits = (index: number, taken: number) => !counts || (taken + requiredFrom[index]! <= max && taken + count - index + certain >= min)

  /** A rule that is worked out once; null where there is no way to go on. */
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
      const rest = after(index + 1, counts ? taken + 1 : 0)
      const chosen = rest === null ? null : `${literal(`${JSON.stringify(name)}:`)} ${sp} ${value} ${rest}`
      return [chosen, required ? null : pick(index + 1, taken)]
    })
  }

  function pickExtra (taken: number): string | null {
    const [least, most] = counts ? [min - taken, max - taken] : [0, Infinity]
    return extra === null || most < 1 || least > 1 ? null : listed(rules, extra, 1, most)
  }

  function after (index: number, taken: number): string | null {
    if (!fits(index, taken)) return null
    return once('after', index, taken, () => {
      const more = pick(index, taken)
      const mayEnd = requiredFrom[index] === 0 && (!counts || taken >= min)
      return [mayEnd ? '""' : null, more === null ? null : `"," ${sp} ${more}`]
    })
  }

  // From the end on, so that there is no deep recursion.
  if (!counts) for (let index = count; index > 0; index--) after(index, 0)
  const some = pick(0, 0)
  if (requiredFrom[0] !== 0 || min !== 0) return some
  return some === null ? '""' : rules.add('o', `"" | ${some}`)
}
