import { PARAMETER } from '../../engine/call-tags.ts'
import { accepts, intersect, ofLength, ofWords, subtract, without, type Automaton } from './automaton.ts'
import { complement, intersection, union, type Range } from './characters.ts'
import { compilePattern } from './compile-pattern.ts'
import { conjunction, ofTypes, type Conjunction } from './document.ts'
import { boundedName, type Layout } from './layout.ts'
import type { Resolver } from './resolver.ts'
import { charClass, literal, MAX_NAME_LENGTH, type Rules } from './rules.ts'
import { asWritten, type Shape, type StringShape } from './shapes.ts'

// The parameters of a call as Qwen3-Coder and Qwen3.5 write them: `<parameter=NAME>`, a line break, the value, a line
// break, `</parameter>`, a line break. A string is its text, without the closing tag. Other values are JSON.

const { open: OPEN, close: CLOSE } = PARAMETER
const AFTER = `\n${CLOSE}\n`

/** The characters of texts. Other control characters are left out. */
const TEXT: readonly Range[] = [[0x09, 0x0a], [0x0d, 0x0d], [0x20, 0xd7ff], [0xe000, 0x10ffff]]
/** The characters of names that the schema does not list: those that are visible. */
const NAME: readonly Range[] = [
  [0x21, 0x3b], [0x3d, 0x3d], [0x3f, 0x7e], [0xa1, 0x167f], [0x1681, 0x1fff], [0x2030, 0x205e], [0x2070, 0x2fff],
  [0x3001, 0xd7ff], [0xf900, 0xfefe], [0xff00, 0x10ffff]
]
/** Names that are read as they are written (`services/openai/xml-call.ts`). */
const WRITABLE_NAME = /^(?!\s)[^\p{Cc}\p{Cs}<>]+(?<!\s)$/u

/** Writes any parameters. */
export function anyParameters (rules: Rules): string {
  const name = rules.add('key', rules.repeat(rules.add('letter', charClass(NAME)), 1, MAX_NAME_LENGTH))
  return `${rules.add('any', `${literal(OPEN)} ${name} ${literal('>\n')} ${anyText(rules)} ${literal(AFTER)}`)}*`
}

/**
 * Writes objects as parameters.
 * @param json returns the name of the rule for a value in JSON
 */
export function parameterLayout (rules: Rules, resolver: Resolver, json: Layout['value']): Layout {
  const after = literal(AFTER)

  function otherNames (shape: StringShape, declared: string[]): string[] {
    const { values, automaton, min, max } = boundedName(shape)
    if (values !== null) {
      return rules.words(values.filter(name => WRITABLE_NAME.test(name) && !declared.includes(name)))
    }
    const letter = rules.add('letter', charClass(NAME))
    if (automaton === null && declared.length === 0) return [rules.repeat(letter, Math.max(1, min), max)]
    const names = intersect(automaton ?? ofLength(min, max), ofCharacters(NAME))
    const left = subtract(names, ofWords(['', ...declared]))
    return left.length > 0 ? [rules.texts(left)] : []
  }

  function value (all: Conjunction): string {
    const shapes = resolver.shapesOfAll(all).map(asWritten)
    const strings = shapes.filter(shape => shape.type === 'string')
    const others = shapes.filter(shape => shape.type !== 'string')
    const excluded = others.flatMap(alike)
    // Any text may also be the JSON of another value.
    if (excluded.length === 0 && strings.some(isAny)) return anyText(rules)
    const texts = strings.flatMap(shape => textsOf(rules, shape, excluded))
    const rest = strings.length > 0 ? conjunction(...all, ofTypes(all[0]!, others.map(shape => shape.type))) : all
    const ways = [...texts, ...others.length > 0 || texts.length === 0 ? [json(rest)] : [], ...pythonOf(shapes)]
    return rules.add('text', ways.join(' | '))
  }

  return {
    name: name => literal(`${OPEN}${name}>\n`),
    canWrite: name => WRITABLE_NAME.test(name),
    otherNames: ({ names, properties }) => resolver.stringsOf(names)
      .flatMap(shape => otherNames(shape, [...properties.keys()]))
      .map(name => `${literal(OPEN)} ${name} ${literal('>\n')}`),
    value,
    pair: (name, value) => rules.add('pair', `${name} ${value} ${after}`),
    next: rest => rest,
    list: (pair, min, max) => rules.repeat(pair, min, max),
    object: properties => properties
  }
}

/** Templates write these values in earlier calls as Python does. Where strings are allowed, they would be strings. */
function pythonOf (shapes: readonly Shape[]): string[] {
  if (shapes.some(shape => shape.type === 'string')) return []
  return shapes.flatMap(shape => {
    if (shape.type === 'null') return ['"None"']
    return shape.type === 'boolean' ? shape.values.map(value => value ? '"True"' : '"False"') : []
  })
}

function isAny (shape: StringShape): boolean {
  return shape.values === null && shape.automaton === null && isUnbounded(shape)
}

let withoutClose: Automaton | undefined

/** Returns the texts that do not contain the closing tag. */
function allTexts (): Automaton {
  withoutClose ??= without(CLOSE, TEXT)
  return withoutClose
}

/** Returns the name of the rule for any text. */
function anyText (rules: Rules): string {
  return rules.once('text', () => rules.add('text', rules.texts(allTexts())))
}

/**
 * Returns the pattern of the texts that are read as values of the shape's type, if only some of those are valid. No
 * string next to such a shape may be one of these texts.
 */
function alike (shape: Exclude<Shape, StringShape>): string[] {
  switch (shape.type) {
    case 'null': return []
    case 'boolean': return shape.values.length === 2 ? [] : ['true|false']
    case 'number': {
      const isFree = shape.values === null && shape.min.value === -Infinity && shape.max.value === Infinity
      return isFree ? [] : ['-?\\d+(?:\\.\\d+)?(?:[eE][+-]?\\d+)?']
    }
    case 'array': {
      const isFree = shape.rest?.length === 0 && shape.prefix.length === 0 && isUnbounded(shape)
      return isFree ? [] : ['\\[[\\s\\S]*']
    }
    case 'object': {
      const { others, properties, names } = shape
      const isFree = others?.length === 0 && properties.size === 0 && names.length === 0 && isUnbounded(shape)
      return isFree ? [] : ['\\{[\\s\\S]*']
    }
  }
}

function isUnbounded ({ min, max }: { min: number, max: number }): boolean {
  return min === 0 && max === Infinity
}

/**
 * Writes alternatives for the texts of a shape. Some shapes have none.
 * @param excluded patterns
 */
function textsOf (rules: Rules, shape: StringShape, excluded: string[]): string[] {
  const { values, automaton, min, max } = shape
  if (values !== null) return rules.words(values.filter(value => accepts(allTexts(), value)))
  if (automaton === null && excluded.length === 0) return countedTexts(rules, min, max)
  const all = automaton ?? (isUnbounded(shape) ? null : ofLength(min, max))
  const texts = all === null ? allTexts() : intersect(all, allTexts())
  const left = excluded.length === 0
    ? texts
    : subtract(texts, compilePattern(`^\\s*(?:${excluded.join('|')})\\s*$`))
  return left.length > 0 ? [rules.texts(left)] : []
}

/**
 * Writes texts of `min` to `max` characters. To count them exactly would take 12 rules for each. So the grammar counts
 * units of one or more characters, and leaves out some texts: the longer the units, the more texts with `<`, but the
 * fewer units fit.
 */
function countedTexts (rules: Rules, min: number, max: number): string[] {
  const plain = rules.add('letter', charClass(except(TEXT, '<')))
  const marked = rules.add('letter', `${plain} | "<" ${charClass(except(TEXT, '</'))}`)
  const any = anyUnit(rules, plain)
  if (max === Infinity) return [`${rules.repeat(any, min, min)} ${anyText(rules)}`]
  const units: Array<[unit: string, longest: number]> = [[plain, 1], [marked, 2], [any, CLOSE.length]]
  return units.map(([unit, longest]) => ({ unit, most: Math.floor(max / longest) }))
    .filter(({ most }) => most >= min)
    .map(({ unit, most }) => rules.repeat(unit, min, most) || '""')
}

/** Writes one character, or a beginning of the closing tag with a character that ends it. */
function anyUnit (rules: Rules, plain: string): string {
  let rest = charClass(except(TEXT, '<>'))
  for (let at = CLOSE.length - 2; at > 0; at--) {
    const others = charClass(except(TEXT, `<${CLOSE[at]}`))
    const doubled = at === 1 ? ` | "<" ${others}` : ''
    rest = rules.add('rest', `${others} | ${literal(CLOSE[at]!)} ${rest}${doubled}`)
  }
  return rules.add('unit', `${plain} | "<" ${rest}`)
}

function ofCharacters (ranges: readonly Range[]): Automaton {
  return [{ accepts: true, edges: ranges.map(([low, high]) => ({ low, high, to: 0 })) }]
}

/** Returns a set of characters without some of them. */
function except (ranges: readonly Range[], characters: string): Range[] {
  return intersection(ranges, complement(union([...characters].map((character): Range => {
    const code = character.codePointAt(0)!
    return [code, code]
  }))))
}
