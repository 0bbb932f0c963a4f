import { rangesTo, type Automaton } from './automaton.ts'
import { intersection, type Range } from './characters.ts'
import { MAX_GRAMMAR_LENGTH, spend, TooComplex } from './work.ts'

/** Characters of a grammar that are written in the time of one step of work. */
const CHARACTERS_PER_STEP = 8
/** llama.cpp refuses a repetition that would make more than 2000 rules, and takes a larger upper bound for none at all. */
const MAX_PLAIN_REPETITION = 256
/** The most that `repeat` counts to. */
export const MAX_REPETITION = 100_000
/** So many constants are merged. */
const MANY_CONSTANTS = 4
/** Stands for the end of a text, where another one goes on. */
const END = ''

/** JSON writes these as they are. */
const PLAIN: readonly Range[] = [[0x20, 0x21], [0x23, 0x5b], [0x5d, 0xd7ff], [0xe000, 0x10ffff]]
const SHORT_ESCAPES: Record<string, string> = { '"': '"', '\\': '\\', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

/** Characters of a name that the schema does not know. */
export const MAX_NAME_LENGTH = 64
const HEX = '[0-9a-fA-F]'
/** Rules that every grammar may use, after those that they need. */
const COMMON = {
  // Whitespace is bounded, so that a weak model cannot go on with it for ever.
  sp: [[], '" "?'],
  // Half of a surrogate pair is left out: most languages cannot read it.
  unicode: [
    [], `[0-9a-ce-fA-CE-F] ${HEX}{3} | [dD] [0-7] ${HEX}{2} | [dD] [89abAB] ${HEX}{2} "\\\\u" [dD] [c-fC-F] ${HEX}{2}`
  ],
  escape: [['unicode'], '["\\\\/bfnrt] | "u" unicode'],
  char: [['escape'], `${charClass(PLAIN)} | "\\\\" escape`],
  string: [['char'], '"\\"" char* "\\""'],
  // A weak model does not find the end of a name.
  name: [['char'], `"\\"" char{1,${MAX_NAME_LENGTH}} "\\""`],
  // Within what a double can hold: 1e999 would be no number any more.
  number: [[], '"-"? ("0" | [1-9] [0-9]{0,14}) ("." [0-9]{1,15})? ([eE] [+-]? [0-9]{1,2})?'],
  boolean: [[], '"true" | "false"']
} as const satisfies Record<string, readonly [needs: readonly string[], body: string]>

/** A grammar that grows, as rules of GBNF. */
export type Rules = ReturnType<typeof createRules>

/**
 * Every method returns a piece of GBNF that can stand in a sequence, unless it says otherwise.
 * All of them throw TooComplex.
 */
export function createRules () {
  const bodies = new Map<string, string>()
  const names = new Map<string, string>()
  const worked = new Map<string, string>()
  let length = 0

  /** A name for a rule that is yet to be defined. */
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

  /** A rule of this body, the same for the same body. */
  function add (prefix: string, body: string): string {
    // Looking for a body takes as long as comparing it.
    spend(1 + Math.ceil(body.length / CHARACTERS_PER_STEP))
    const known = names.get(body)
    if (known !== undefined) return known
    const name = reserve(prefix)
    names.set(body, name)
    define(name, body)
    return name
  }

  /** A piece that is worked out once. */
  function once (key: string, work: () => string): string {
    const known = worked.get(key) ?? work()
    worked.set(key, known)
    return known
  }

  /** One of the rules that every grammar may use. */
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

  /** As full blocks and a part of one, in only one way: ways that differ in nothing but the blocks would all be followed. */
  function upTo (unit: string, count: number): string {
    if (count <= MAX_PLAIN_REPETITION) return `${unit}{0,${count}}`
    const size = Math.ceil(Math.sqrt(count))
    let rest = add('r', count % size === 0 ? '""' : `${unit}{0,${count % size}}`)
    const part = add('r', `${unit}{0,${size - 1}}`)
    for (let blocks = 1; blocks <= Math.floor(count / size); blocks++) {
      rest = add(
        'r', `${part} | ${block(unit, size)} ${rest}`
      )
    }
    return rest
  }

  function block (unit: string, size: number): string {
    return add('b', `${unit}{${size}}`)
  }

  /**
   * One of these values of JSON, as alternatives. Many are merged where they begin alike: llama.cpp follows every way that is open,
   * each over its whole vocabulary.
   */
  function constants (values: readonly unknown[]): string[] {
    const texts = [...new Set(values.map(value => JSON.stringify(value)))]
    return texts.length < MANY_CONSTANTS ? texts.map(literal) : [branch(texts.map(text => [...text, END]), 0)]
  }

  /** The rest of texts that are alike up to a character. */
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

  /** A JSON string of an automaton that is not empty. */
  function strings (automaton: Automaton): string {
    const places = new Map<number, string>()
    const todo: number[] = []
    const nameOf = (at: number) => {
      if (!places.has(at)) {
        places.set(at, reserve('s'))
        todo.push(at)
      }
      return places.get(at)!
    }
    /** What comes from a state on; as long as there is but one way it needs no rules. */
    const from = (at: number) => {
      let text = ''
      for (;;) {
        const { accepts, edges: [edge, ...others] } = automaton[at]!
        if (edge === undefined) return `${text} "\\""`.trim()
        if (accepts || others.length > 0 || edge.low !== edge.high) return `${text} ${nameOf(at)}`.trim()
        text += ` ${literal(JSON.stringify(String.fromCodePoint(edge.low)).slice(1, -1))}`
        at = edge.to
      }
    }
    const start = from(0)
    for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
      const { accepts, edges } = automaton[at]!
      const ways = [...rangesTo(edges)].flatMap(([to, ranges]) => {
        const rest = from(to)
        return characters(ranges).map(character => `${character} ${rest}`)
      })
      if (accepts) ways.push('"\\""')
      define(places.get(at)!, ways.join(' | '))
    }
    return `"\\"" ${start}`
  }

  /** The grammar, once a rule `root` is defined. */
  function text (): string {
    return [...bodies].map(([name, body]) => `${name} ::= ${body}\n`).join('')
  }

  return { reserve, define, add, once, common, repeat, constants, strings, text }
}

/** Exactly this text. */
export function literal (text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}

/** A character of these, as GBNF writes it. */
function charClass (ranges: readonly Range[]): string {
  const code = (value: number) => /[0-9A-Za-z]/.test(String.fromCodePoint(value))
    ? String.fromCodePoint(value)
    : `\\U${value.toString(16).padStart(8, '0')}`
  return `[${ranges.map(([low, high]) => low === high ? code(low) : `${code(low)}-${code(high)}`).join('')}]`
}

/** A character of these as it stands in a JSON string, as alternatives. */
function characters (ranges: readonly Range[]): string[] {
  const ways: string[] = []
  const plain = intersection(ranges, PLAIN)
  if (plain.length > 0) ways.push(charClass(plain))
  const has = (code: number) => ranges.some(([low, high]) => low <= code && code <= high)

  const short = Object.entries(SHORT_ESCAPES).filter(([, character]) => has(character.codePointAt(0)!))
  if (short.length > 0) ways.push(`"\\\\" [${short.map(([letter]) => letter.replace('\\', '\\\\')).join('')}]`)
  const shortCodes = new Set(short.map(([, character]) => character.codePointAt(0)!))
  // Nobody misses other control characters where nearly all characters are allowed.
  if (plain.some(([low, high]) => high - low > 1000)) return ways
  for (const tens of [0, 1]) {
    const digits = Array.from({ length: 16 }, (_, digit) => digit).filter(digit =>
      has(tens * 16 + digit) && !shortCodes.has(tens * 16 + digit))
    if (digits.length > 0) ways.push(`"\\\\u00${tens}" [${digits.map(digit => digit.toString(16)).join('')}]`)
  }
  return ways
}
