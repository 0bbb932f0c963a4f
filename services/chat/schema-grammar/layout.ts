import { ofLength, ofWords, subtract } from './automaton.ts'
import type { Conjunction } from './document.ts'
import { listed } from './free-values.ts'
import type { Resolver } from './resolver.ts'
import { literal, MAX_NAME_LENGTH, type Rules } from './rules.ts'
import type { ObjectShape, StringShape } from './shapes.ts'

/** How an object is written. All methods return GBNF. */
export interface Layout {
  /** Writes a name of the schema that can be written. */
  name (name: string): string
  canWrite (name: string): boolean
  /** Writes alternatives for the names that a shape does not declare. */
  otherNames (shape: ObjectShape): string[]
  /** Returns the name of the rule for a value. */
  value (all: Conjunction): string
  /** @param name result of `name`, or the name of a rule for a name */
  pair (name: string, value: string): string
  /** Writes the rest of an object that has a property already. */
  next (rest: string): string
  /** Writes `min` to `max` properties of a rule. */
  list (pair: string, min: number, max: number): string
  /** Writes the whole object from its properties. */
  object (properties: string): string
}

/** Objects of JSON. */
export function jsonLayout (rules: Rules, resolver: Resolver, value: Layout['value']): Layout {
  const sp = rules.common('sp')
  return {
    name: name => literal(JSON.stringify(name)),
    canWrite: () => true,
    otherNames: ({ names, properties }) => resolver.stringsOf(names).flatMap((shape): string[] => {
      const { values, automaton, min, max } = boundedName(shape)
      if (values !== null) return rules.constants(values.filter(name => !properties.has(name)))
      if (automaton === null && properties.size === 0) {
        return [`"\\"" ${rules.repeat(rules.common('char'), min, max)} "\\""`]
      }
      const left = subtract(automaton ?? ofLength(min, max), ofWords([...properties.keys()]))
      return left.length > 0 ? [rules.strings(left)] : []
    }),
    value,
    pair: (name, value) => `${isKnown(name) ? `${name.slice(0, -1)}:"` : `${name} ":"`} ${sp} ${value}`,
    next: rest => `"," ${sp} ${rest}`,
    list: (pair, min, max) => listed(rules, pair, min, max),
    object: properties => `"{" ${properties} "}"`
  }
}

/** Returns whether a name is written as a literal. Otherwise it is the name of a rule. */
export function isKnown (name: string): boolean {
  return name.startsWith('"')
}

/** Bounds the length of a name, because a weak model does not find its end. */
export function boundedName (shape: StringShape): StringShape {
  return shape.min === 0 && shape.max === Infinity ? { ...shape, min: 1, max: MAX_NAME_LENGTH } : shape
}
