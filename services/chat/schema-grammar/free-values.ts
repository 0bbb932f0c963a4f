import type { Rules } from './rules.ts'

/** How deep values nest of which a schema says nothing: a weak model would open one bracket after the other. */
export const FREE_DEPTH = 8

/** Any value in which lists and objects nest at most so deep, as the name of a rule. */
export function freeValue (rules: Rules, depth = FREE_DEPTH): string {
  return rules.once(`value ${depth}`, () => writeFreeValue(rules, depth))
}

function writeFreeValue (rules: Rules, depth: number): string {
  const simple = [rules.common('string'), rules.common('number'), rules.common('boolean'), '"null"']
  if (depth === 0) return rules.add('any', simple.join(' | '))
  return rules.add('any', [...simple, freeArray(rules, depth), freeObject(rules, depth)].join(' | '))
}

/** Any object, of which the depth counts as one. */
export function freeObject (rules: Rules, depth = FREE_DEPTH): string {
  const pair = rules.add('pair', `${rules.common('name')} ":" ${rules.common('sp')} ${freeValue(rules, depth - 1)}`)
  return rules.add('map', `"{" ${listed(rules, pair)} "}"`)
}

function freeArray (rules: Rules, depth: number): string {
  return rules.add('list', `"[" ${listed(rules, freeValue(rules, depth - 1))} "]"`)
}

/** A rule's matches with commas between them, as the name of a rule, which may be empty if `min` is 0. */
export function listed (rules: Rules, unit: string, min = 0, max = Infinity): string {
  if (max === 0) return '""'
  const next = rules.add('next', `"," ${rules.common('sp')} ${unit}`)
  const some = `${unit} ${rules.repeat(next, Math.max(0, min - 1), max - 1)}`
  return rules.add('some', min === 0 ? `"" | ${some}` : some)
}
