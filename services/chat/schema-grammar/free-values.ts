import type { Rules } from './rules.ts'

/** Levels of unconstrained values. The limit keeps a weak model from opening brackets endlessly. */
export const FREE_DEPTH = 8

/** Returns the name of the rule for any value in which lists and objects nest at most `depth` deep. */
export function freeValue (rules: Rules, depth = FREE_DEPTH): string {
  return rules.once(`value ${depth}`, () => writeFreeValue(rules, depth))
}

function writeFreeValue (rules: Rules, depth: number): string {
  const simple = [rules.common('string'), rules.common('number'), rules.common('boolean'), '"null"']
  if (depth === 0) return rules.add('any', simple.join(' | '))
  return rules.add('any', [...simple, freeArray(rules, depth), freeObject(rules, depth)].join(' | '))
}

/** Returns the name of the rule for any object. The object itself counts as one level. */
export function freeObject (rules: Rules, depth = FREE_DEPTH): string {
  const pair = rules.add('pair', `${rules.common('name')} ":" ${rules.common('sp')} ${freeValue(rules, depth - 1)}`)
  return rules.add('map', `"{" ${listed(rules, pair)} "}"`)
}

function freeArray (rules: Rules, depth: number): string {
  return rules.add('list', `"[" ${listed(rules, freeValue(rules, depth - 1))} "]"`)
}

/** Returns the name of a rule for a list of `unit` with commas, which may be empty if `min` is 0. */
export function listed (rules: Rules, unit: string, min = 0, max = Infinity): string {
  if (max === 0) return '""'
  const next = rules.add('next', `"," ${rules.common('sp')} ${unit}`)
  const some = `${unit} ${rules.repeat(next, Math.max(0, min - 1), max - 1)}`
  return rules.add('some', min === 0 ? `"" | ${some}` : some)
}
