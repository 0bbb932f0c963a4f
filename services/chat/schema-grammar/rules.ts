import { rangesTo, type Automaton } from './automaton.ts'
import { intersection, type Range } from './characters.ts'
import { MAX_GRAMMAR_LENGTH, spend, TooComplex } from './work.ts'

/** Characters of a grammar that can be written for one step of the budget. */
const CHARACTERS_PER_STEP = 8
/** llama.cpp refuses repetitions of more than 2000 rules, and ignores larger upper bounds. */
const MAX_PLAIN_REPETITION = 256
/** Largest count of `repeat`. */
export const MAX_REPETITION = 100_000
/** From this number on, constants are merged. */
const MANY_CONSTANTS = 4
/** Marks the end of a text that is the prefix of another text. */
const END = ''

/** Characters that JSON does not escape. */
const PLAIN: readonly Range[] = [[0x20, 0x21], [0x23, 0x5b], [0x5d, 0xd7ff], [0xe000, 0x10ffff]]
const SHORT_ESCAPES: Record<string, string> = { '"': '"', '\\': '\\', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

/** Characters of a property name that the schema does not list. */
export const MAX_NAME_LENGTH = 64
const HEX = '[0-9a-fA-F]'
/** Rules that every grammar may use, each after the rules that it needs. */
const COMMON = {
  // White space is bounded, so that a weak model cannot write it endlessly.
  sp: [[], '" "?'],
  // Lone surrogates are left out: most languages cannot parse them.
  unicode: [
    [], `[0-9a-ce-fA-CE-F] ${HEX}{3} | [dD] [0-7] ${HEX}{2} | [dD] [89abAB] ${HEX}{2} "\\\\u" [dD] [c-fC-F] ${HEX}{2}`
  ],
  escape: [['unicode'], '["\\\\/bfnrt] | "u" unicode'],
  char: [['escape'], `${charClass(PLAIN)} | "\\\\" escape`],
  string: [['char'], '"\\"" char* "\\""'],
  // The length is bounded, because a weak model does not find the end of a name.
  name: [['char'], `"\\"" char{1,${MAX_NAME_LENGTH}} "\\""`],
  // Exponents have two digits: 1e999 would exceed the range of a double.
  number: [[], '"-"? ("0" | [1-9] [0-9]{0,14}) ("." [0-9]{1,15})? ([eE] [+-]? [0-9]{1,2})?'],
  boolean: [[], '"true" | "false"']
} as const satisfies Record<string, readonly [needs: readonly string[], body: string]>

/** A grammar under construction, as rules of GBNF. */
export type Rules = ReturnType<typeof createRules>

/**
 * Creates an empty grammar. Its methods throw TooComplex, and return GBNF that can be part of a sequence unless their
 * comment says otherwise.
 */
export function createRules () {
  const bodies = new Map<string, string>()
  const names = new Map<string, string>()
  const worked = new Map<string, string>()
  let length = 0

  /** Reserves a name for a rule that is defined later. */
  function reserve (prefix: string): string {
    const name = `${prefix}${bodies.size}`
    bodies.set(name, '')
    return name
  }

  function define (name: string, body: string): void {
    const added = name.length + body.length
    length += added
    if (length > MAX_GRAMMAR_LENGTH) throw new TooComplex()
    spend(Math.ceil(added / CHARACTERS_PER_STEP))
    bodies.set(name, body)
  }

  /** Returns the rule with this body. Equal bodies share a rule. */
  function add (prefix: string, body: string): string {
    // The lookup compares the whole body.
    spend(1 + Math.ceil(body.length / CHARACTERS_PER_STEP))
    const known = names.get(body)
    if (known !== undefined) return known
    const name = reserve(prefix)
    names.set(body, name)
    define(name, body)
    return name
  }

  /** Returns the result of `work`, which is called once for each key. */
  function once (key: string, work: () => string): string {
    const known = worked.get(key) ?? work()
    worked.set(key, known)
    return known
  }

  /** Returns one of the rules that every grammar may use. */
  function common (name: keyof typeof COMMON): string {
    if (bodies.has(name)) return name
    const [needs, body] = COMMON[name]
    for (const other of needs) common(other)
    define(name, body)
    return name
  }

  /** @param unit name of a rule that is never empty */
  function repeat (unit: string, min: number, max: number): string {
    const parts = [exactly(unit, min)]
    if (max === Infinity) parts.push(`${unit}*`)
    else if (max > min) parts.push(upTo(unit, max - min))
    return parts.join(' ').trim()
  }

  function exactly (unit: string, count: number): string {
    if (count === 0) return ''
    if (count <= MAX_PLAIN_REPETITION) return `${unit}{${count}}`
    const size = Math.ceil(Math.sqrt(count))
    return `${exactly(block(unit, size), Math.floor(count / size))} ${exactly(unit, count % size)}`
  }

  /** Repeats full blocks, then a part of one. Each count has one derivation: llama.cpp would follow all of them. */
  function upTo (unit: string, count: number): string {
    if (count <= MAX_PLAIN_REPETITION) return `${unit}{0,${count}}`
    const size = Math.ceil(Math.sqrt(count))
    let rest = add('r', count % size === 0 ? '""' : `${unit}{0,${count % size}}`)
    const part = add('r', `${unit}{0,${size - 1}}`)
    for (let blocks = 1; blocks <= Math.floor(count / size); blocks++) {
      rest = add('r', `${part} | ${block(unit, size)} ${rest}`)
    }
    return rest
  }

  function block (unit: string, size: number): string {
    return add('b', `${unit}{${size}}`)
  }

  /** Writes JSON values as alternatives. */
  function constants (values: readonly unknown[]): string[] {
    return words(values.map(value => JSON.stringify(value)))
  }

  /**
   * Writes texts as alternatives. Many texts are merged by common prefixes, because llama.cpp matches each open
   * alternative against its whole vocabulary.
   */
  function words (texts: readonly string[]): string[] {
    const unique = [...new Set(texts)]
    return unique.length < MANY_CONSTANTS ? unique.map(literal) : [branch(unique.map(text => [...text, END]), 0)]
  }

  /** Writes the rest of texts that are equal up to an index. */
  function branch (texts: string[][], start: number): string {
    spend(texts.length)
    const [first] = texts as [string[]]
    let end = start
    while (end < first.length && texts.every(text => text[end] === first[end])) end++
    const alike = literal(first.slice(start, end).join(''))
    if (end === first.length) return alike
    const next = new Map<string, string[][]>()
    for (const text of texts) {
      const some = next.get(text[end]!)
      if (some) some.push(text)
      else next.set(text[end]!, [text])
    }
    return `${alike} ${add('c', [...next.values()].map(some => branch(some, end)).join(' | '))}`
  }

  /** Writes the JSON strings of an automaton that is not empty. */
  function strings (automaton: Automaton): string {
    return `"\\"" ${spelled(automaton, JSON_STRING)}`
  }

  /** Writes the texts of an automaton that is not empty, as they are. */
  function texts (automaton: Automaton): string {
    return spelled(automaton, PLAIN_TEXT)
  }

  function spelled (automaton: Automaton, { one, some, end }: Spelling): string {
    const places = new Map<number, string>()
    const todo: number[] = []
    const nameOf = (at: number) => {
      if (!places.has(at)) {
        places.set(at, reserve('s'))
        todo.push(at)
      }
      return places.get(at)!
    }
    /** Writes the rest of the text from a state on. A rule is needed only if the automaton branches in that state. */
    const from = (at: number) => {
      let text = ''
      for (;;) {
        const { accepts, edges: [edge, ...others] } = automaton[at]!
        if (edge === undefined) return `${text} ${end}`.trim()
        if (accepts || others.length > 0 || edge.low !== edge.high) return `${text} ${nameOf(at)}`.trim()
        text += ` ${one(edge.low)}`
        at = edge.to
      }
    }
    const start = from(0)
    for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
      const { accepts, edges } = automaton[at]!
      const ways = [...rangesTo(edges)].flatMap(([to, ranges]) => {
        const rest = from(to)
        return some(ranges).map(character => `${character} ${rest}`)
      })
      if (accepts) ways.push(end)
      define(places.get(at)!, ways.join(' | '))
    }
    return start
  }

  /** Returns the whole grammar. The rule `root` must be defined. */
  function text (): string {
    return [...bodies].map(([name, body]) => `${name} ::= ${body}\n`).join('')
  }

  return { reserve, define, add, once, common, repeat, constants, words, strings, texts, text }
}

/** Returns a literal of GBNF. */
export function literal (text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\r', '\\r')}"`
}

/** Returns a character class of GBNF. */
export function charClass (ranges: readonly Range[]): string {
  const code = (value: number) => /[0-9A-Za-z]/.test(String.fromCodePoint(value))
    ? String.fromCodePoint(value)
    : `\\U${value.toString(16).padStart(8, '0')}`
  return `[${ranges.map(([low, high]) => low === high ? code(low) : `${code(low)}-${code(high)}`).join('')}]`
}

/** How the characters of an automaton are written. */
interface Spelling {
  one: (code: number) => string
  /** Returns alternatives. */
  some: (ranges: readonly Range[]) => string[]
  /** Ends the text. */
  end: string
}

const JSON_STRING: Spelling = {
  one: code => literal(JSON.stringify(String.fromCodePoint(code)).slice(1, -1)), some: jsonCharacters, end: '"\\""'
}
const PLAIN_TEXT: Spelling =
  { one: code => literal(String.fromCodePoint(code)), some: ranges => [charClass(ranges)], end: '""' }

/** Writes the characters as they appear in a JSON string, as alternatives. */
function jsonCharacters (ranges: readonly Range[]): string[] {
  const ways: string[] = []
  const plain = intersection(ranges, PLAIN)
  if (plain.length > 0) ways.push(charClass(plain))
  const has = (code: number) => ranges.some(([low, high]) => low <= code && code <= high)

  const short = Object.entries(SHORT_ESCAPES).filter(([, character]) => has(character.codePointAt(0)!))
  if (short.length > 0) ways.push(`"\\\\" [${short.map(([letter]) => letter.replace('\\', '\\\\')).join('')}]`)
  const shortCodes = new Set(short.map(([, character]) => character.codePointAt(0)!))
  // Other control characters are left out if nearly all characters are allowed.
  if (plain.some(([low, high]) => high - low > 1000)) return ways
  for (const tens of [0, 1]) {
    const digits = Array.from({ length: 16 }, (_, digit) => digit).filter(digit =>
      has(tens * 16 + digit) && !shortCodes.has(tens * 16 + digit))
    if (digits.length > 0) ways.push(`"\\\\u00${tens}" [${digits.map(digit => digit.toString(16)).join('')}]`)
  }
  return ways
}
