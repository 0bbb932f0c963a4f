import type { Phrase } from '../../../errors/language.ts'
import {
  bounded, conjunctionKey, refuse, resolveRef, type Conjunction, type Keywords, type Subschema
} from './document.ts'
import { SCHEMA_FAULTS } from './faults.ts'
import { freeValue, listed } from './free-values.ts'
import { mainKeyword } from './keywords.ts'
import { jsonLayout, type Layout } from './layout.ts'
import { decimals, integers } from './numbers.ts'
import { findTooOpen, type Openings } from './openness.ts'
import { canMerge, mergeProperties, writeProperties, type Properties } from './properties.ts'
import { anyParameters, parameterLayout } from './parameters.ts'
import type { Resolver } from './resolver.ts'
import { literal, type Rules } from './rules.ts'
import {
  asWritten, type ArrayShape, type NumberShape, type ObjectShape, type Shape, type StringShape
} from './shapes.ts'

/** Properties that can be counted for `minProperties` or `maxProperties`. The number of rules is their square. */
const MAX_COUNTED = 100

/** A conjunction with its rule, and for each alternative the conjunctions whose values it contains. */
interface Written extends Openings { all: Conjunction, name: string, needs: Need[] }
/** An alternative has a value when all of `all` have one, and at least `count` of `some`. */
interface Need { all: Conjunction[], some: Conjunction[], count: number }

/** Writes rules for the values that satisfy schemas, with all rules that they need. The methods return GBNF. */
export interface Writer {
  /** Writes values as JSON. */
  value (all: Conjunction): string
  /** Writes the properties of objects as parameters of a call in XML. */
  parameters (all: Conjunction): string
}

export function createWriter (rules: Rules, resolver: Resolver): Writer {
  const written = new Map<string, Written>()
  const todo: Written[] = []
  /** Parameters of calls. They end if the values within them end. */
  const calls: Written[] = []
  const json = jsonLayout(rules, resolver, value)

  /** Returns the name of the rule for a conjunction, and queues the rule to be written. */
  function value (all: Conjunction): string {
    if (all.length === 0) return freeValue(rules)
    const known = written.get(conjunctionKey(all))
    if (known !== undefined) return known.name
    const entry = reserve(all)
    written.set(conjunctionKey(all), entry)
    todo.push(entry)
    return entry.name
  }

  function reserve (all: Conjunction): Written {
    return { all, name: rules.reserve('v'), needs: [], forks: [], widest: 0, lists: [], simple: 0 }
  }

  function write (entry: Written): void {
    const shapes = resolver.shapesOfAll(entry.all).map(asWritten)
    if (shapes.length === 0) refuseEmpty(entry.all)
    const simple = [...new Set(
      shapes.flatMap(shape => shape.type === 'array' || shape.type === 'object' ? [] : alternatives(shape, entry))
    )]
    if (simple.length > 0) entry.needs.push({ all: [], some: [], count: 0 })
    entry.simple = simple.length
    const lists = new Set(shapes.flatMap(shape => shape.type === 'array' ? [array(shape, entry)] : []))
    const maps = objects(shapes.filter(shape => shape.type === 'object'), entry, json)
    rules.define(entry.name, [...simple, ...lists, ...maps].join(' | '))
  }

  function refuseEmpty (all: Conjunction): never {
    const { node, keyword } = resolver.culprit(all)
    refuse(node, keyword, SCHEMA_FAULTS.noValue)
  }

  function alternatives (shape: Exclude<Shape, ArrayShape | ObjectShape>, entry: Written): string[] {
    switch (shape.type) {
      case 'null': return ['"null"']
      case 'boolean': return shape.values.length === 2
        ? [rules.common('boolean')]
        : shape.values.map(one => literal(String(one)))
      case 'number': return numbers(shape, entry)
      case 'string': return strings(shape)
    }
  }

  function numbers ({ whole, min, max, values }: NumberShape, entry: Written): string[] {
    if (values !== null) return rules.constants(values)
    if (!whole && min.value === -Infinity && max.value === Infinity) return [rules.common('number')]
    const ways = whole ? integers(rules, min, max) : decimals(rules, min, max)
    if (ways.length > 0) return ways
    const keyword = ['minimum', 'exclusiveMinimum', 'maximum', 'exclusiveMaximum'].find(one =>
      entry.all.some(({ schema }) => typeof schema === 'object' && one in schema))
    return refuseHere(entry, keyword ?? 'type', SCHEMA_FAULTS.noNumber)
  }

  function strings ({ values, automaton, min, max }: StringShape): string[] {
    if (values !== null) return rules.constants(values)
    if (automaton !== null) return [rules.strings(automaton)]
    return [min === 0 && max === Infinity ? rules.common('string') : plain(min, max)]
  }

  /** Returns a string of any characters. */
  function plain (min: number, max: number): string {
    return `"\\"" ${rules.repeat(rules.common('char'), min, max)} "\\""`
  }

  function array ({ prefix, rest, min, max }: ArrayShape, entry: Written): string {
    const first = prefix.slice(0, max)
    const needsRest = rest !== null && min > first.length
    entry.needs.push({ all: [...first, ...needsRest ? [rest] : []], some: [], count: 0 })
    entry.lists.push([...first, ...rest === null ? [] : [rest]].map(value))
    const sp = rules.common('sp')
    const more = Math.max(0, max - first.length)
    const least = Math.max(0, min - first.length)
    if (first.length === 0) return `"[" ${rest === null ? '' : listed(rules, value(rest), least, more)} "]"`
    const tail =
      rest === null || more === 0 ? '' : rules.repeat(rules.add('next', `"," ${sp} ${value(rest)}`), least, more)
    return `"[" ${first.map(value).join(` "," ${sp} `)} ${tail} "]"`
  }

  function objects (shapes: ObjectShape[], entry: Written, layout: Layout): string[] {
    if (shapes.length === 0) return []
    const given = shapes.map(shape => propertiesOf(shape, entry, layout))
    const written = given.length > 1 && canMerge(given)
      ? [mergeProperties(rules, given, layout)]
      : given.map(one => writeProperties(rules, one, layout))
    // llama.cpp follows objects that were not merged in parallel, up to their end.
    entry.forks = written.length === 1 ? written[0]!.forks : [written.flatMap(({ forks }) => forks.flat())]
    entry.widest = written.reduce((sum, { widest }) => sum + widest, 0)
    return written.map(({ body }) => {
      if (body === null) refuseHere(entry, 'minProperties', SCHEMA_FAULTS.tooManyNames)
      return layout.object(body)
    })
  }

  function propertiesOf (shape: ObjectShape, entry: Written, layout: Layout): Properties {
    const { required, min, max, others } = shape
    const unwritable = [...required].find(name => !layout.canWrite(name))
    if (unwritable !== undefined) refuseHere(entry, 'required', SCHEMA_FAULTS.unwritableName(unwritable.slice(0, 40)))
    const declared = [...shape.properties]
    // Names that are listed can be distinguished. Names from a pattern might repeat.
    const named = others === null ? [] : resolver.stringsOf(shape.names).map(one => one.values)
    const all = named.every(values => values !== null)
    const listed = others !== null && all
      ? [...new Set(named.flat())].filter(name => !shape.properties.has(name)).map(
          (name): [string, Conjunction] => [name, others]
        )
      : []

    const properties = [...declared, ...listed].filter(([name]) => layout.canWrite(name))
    const counted = min > required.size || max < properties.length
    if (counted && properties.length > MAX_COUNTED) {
      const keyword = min > required.size ? 'minProperties' : 'maxProperties'
      refuseHere(entry, keyword, SCHEMA_FAULTS.tooManyCounted(MAX_COUNTED))
    }
    const name = others === null || all ? null : otherName(shape, entry, layout)
    entry.needs.push({
      all: [...required].map(name => shape.properties.get(name)!),
      some: [
        ...properties.flatMap(([name, schema]) => required.has(name) ? [] : [schema]),
        ...others === null || name === null ? [] : [others]
      ],
      count: Math.max(0, min - required.size)
    })
    return {
      properties: properties.map(([name, schema]) =>
        ({ name, value: layout.value(schema), required: required.has(name) })),
      extra: others === null || name === null ? null : { name, value: layout.value(others) },
      min,
      max
    }
  }

  /** Returns the rule of names that are not declared, or null when all possible names are declared. */
  function otherName (shape: ObjectShape, entry: Written, layout: Layout): string | null {
    const ways =
      bounded(placeOf(entry, 'additionalProperties'), 'additionalProperties', () => layout.otherNames(shape))
    return ways.length > 0 ? rules.add('key', ways.join(' | ')) : null
  }

  /** Returns the first schema that has the keyword. */
  function placeOf ({ all }: Written, keyword: string): Subschema {
    return all.find(({ schema }) => typeof schema === 'object' && keyword in schema) ?? all[0]!
  }

  function refuseHere (entry: Written, keyword: string, fault: Phrase): never {
    refuse(placeOf(entry, keyword), keyword, fault)
  }

  /** @throws UnsupportedSchemaError for recursion without an end */
  function checkEnds (): void {
    const ending = new Set([conjunctionKey([])])
    const ends = (all: Conjunction) => ending.has(conjunctionKey(all))
    for (let before = 0; before < ending.size;) {
      before = ending.size
      for (const [id, { needs }] of written) {
        if (!ending.has(id) &&
          needs.some(({ all, some, count }) => all.every(ends) && some.filter(ends).length >= count)) ending.add(id)
      }
    }
    const endless = [...written].flatMap(([id, { all }]) => ending.has(id) ? [] : all)
    const node = endless.find(({ schema }) => typeof schema === 'object' && '$ref' in schema) ?? endless[0]
    if (node !== undefined) {
      refuse(node, '$ref' in (node.schema as Keywords) ? '$ref' : mainKeyword(node), SCHEMA_FAULTS.noEnd)
    }
  }

  /** @throws UnsupportedSchemaError for a rule with too many open alternatives */
  function checkOpenness (): void {
    const byName = new Map([...written.values(), ...calls].map(entry => [entry.name, entry]))
    const name = findTooOpen(byName)
    if (name === null) return
    let [node] = byName.get(name)!.all as [Subschema]
    while ('$ref' in (node.schema as Keywords)) node = resolveRef(node)
    const keyword = ['anyOf', 'oneOf', 'properties'].find(one => one in (node.schema as Keywords)) ?? mainKeyword(node)
    refuse(node, keyword, SCHEMA_FAULTS.tooOpen)
  }

  function finish (): void {
    for (let entry = todo.shift(); entry !== undefined; entry = todo.shift()) {
      const [node] = entry.all
      bounded(node!, mainKeyword(node!), () => write(entry))
    }
    checkEnds()
    checkOpenness()
  }

  return {
    value (all) {
      const name = value(all)
      finish()
      return name
    },

    parameters (all) {
      if (all.length === 0) return anyParameters(rules)
      const shapes = resolver.shapesOfAll(all).map(asWritten).filter(shape => shape.type === 'object')
      if (shapes.length === 0) refuseEmpty(all)
      const entry = reserve(all)
      calls.push(entry)
      rules.define(entry.name, objects(shapes, entry, parameterLayout(rules, resolver, value)).join(' | '))
      finish()
      return entry.name
    }
  }
}
