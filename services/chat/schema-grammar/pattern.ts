import { complement, union, type Range } from './characters.ts'

/** A parsed regular expression. */
export type Pattern =
  | { type: 'set', ranges: Range[] }
  | { type: 'sequence', parts: Pattern[] }
  | { type: 'choice', options: Pattern[] }
  | { type: 'repeat', part: Pattern, min: number, max: number }
  /** `^` and `$`. */
  | { type: 'start' | 'end' }

/** A pattern and the lookaheads at its start: `^(?!x)(?=y)z` requires a start with `y` and `z`, and not with `x`. */
export interface ParsedPattern { pattern: Pattern, ahead: Array<{ negative: boolean, pattern: Pattern }> }

/** A construct that no automaton can express. The message is that piece of the pattern. */
export class UnsupportedPattern extends Error {}

/** Levels of groups within groups. */
const MAX_DEPTH = 50

const DIGITS: Range[] = [[0x30, 0x39]]
const WORD: Range[] = [[0x30, 0x39], [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]]
const SPACE: Range[] = union([
  [0x09, 0x0d], [0x20, 0x20], [0xa0, 0xa0], [0x1680, 0x1680], [0x2000, 0x200a], [0x2028, 0x2029], [0x202f, 0x202f],
  [0x205f, 0x205f], [0x3000, 0x3000], [0xfeff, 0xfeff]
])
const NOT_LINE_END = complement([[0x0a, 0x0a], [0x0d, 0x0d], [0x2028, 0x2029]])
const CLASSES: Record<string, Range[]> =
  { d: DIGITS, w: WORD, s: SPACE, D: complement(DIGITS), W: complement(WORD), S: complement(SPACE) }
const CONTROLS: Record<string, number> = { t: 0x09, n: 0x0a, v: 0x0b, f: 0x0c, r: 0x0d, 0: 0 }

const PYTHON = /\\[^]|\[(?:\\[^]|[^\]\\])*\]|\(\?P</g
const OF_PYTHON: Readonly<Record<string, string>> = { '(?P<': '(?<', '\\A': '^', '\\Z': '$', '\\z': '$' }

/** Translates what ECMAScript writes otherwise: `(?P<name>…)`, `\A` and `\Z`. Pydantic's schemas contain them. */
const fromPython = (pattern: string) => pattern.replace(PYTHON, piece => OF_PYTHON[piece] ?? piece)

/**
 * Parses a regular expression of ECMAScript with flag `u`, as JSON Schema defines `pattern`.
 * @throws SyntaxError when it is not a regular expression; UnsupportedPattern for back references, lookbehind, word
 *   boundaries, Unicode properties, and lookahead that is not at the start
 */
export function parsePattern (pattern: string): ParsedPattern {
  const source = fromPython(pattern)
  // Throws for wrong syntax, so the parser below need not check it.
  RegExp(source, 'u')
  const text = [...source]
  let at = 0
  let depth = 0

  const take = (expected: string) => {
    if (text.slice(at, at + expected.length).join('') !== expected) return false
    at += expected.length
    return true
  }

  function choice (): Pattern {
    const options = [sequence()]
    while (take('|')) options.push(sequence())
    return options.length === 1 ? options[0]! : { type: 'choice', options }
  }

  function sequence (): Pattern {
    const parts: Pattern[] = []
    while (at < text.length && text[at] !== '|' && text[at] !== ')') parts.push(quantified(atom()))
    return parts.length === 1 ? parts[0]! : { type: 'sequence', parts }
  }

  function quantified (part: Pattern): Pattern {
    const counts = quantifier()
    if (counts === null) return part
    // Lazy or greedy, a quantifier matches the same strings.
    take('?')
    return { type: 'repeat', part, min: counts[0], max: counts[1] }
  }

  function quantifier (): [number, number] | null {
    if (take('*')) return [0, Infinity]
    if (take('+')) return [1, Infinity]
    if (take('?')) return [0, 1]
    if (!take('{')) return null
    const [min, max = min] = upTo('}').split(',')
    return [Number(min), max === '' ? Infinity : Number(max)]
  }

  function upTo (end: string): string {
    const stop = text.indexOf(end, at)
    const inner = text.slice(at, stop).join('')
    at = stop + 1
    return inner
  }

  function atom (): Pattern {
    if (take('^')) return { type: 'start' }
    if (take('$')) return { type: 'end' }
    if (take('.')) return { type: 'set', ranges: NOT_LINE_END }
    if (take('[')) return { type: 'set', ranges: bracket() }
    if (take('(')) return group()
    if (take('\\')) return { type: 'set', ranges: escaped(false) }
    return { type: 'set', ranges: single(text[at++]!) }
  }

  function group (): Pattern {
    for (const look of ['?=', '?!', '?<=', '?<!']) if (take(look)) throw new UnsupportedPattern(`(${look}`)
    if (!take('?:') && take('?<')) upTo('>')
    if (++depth > MAX_DEPTH) throw new UnsupportedPattern('('.repeat(MAX_DEPTH))
    const inner = choice()
    depth--
    take(')')
    return inner
  }

  function bracket (): Range[] {
    const negative = take('^')
    const ranges: Range[] = []
    while (!take(']')) {
      const from = take('\\') ? escaped(true) : single(text[at++]!)
      const low = from[0]![0]
      // A `-` before the closing bracket is a literal.
      if (text[at] === '-' && text[at + 1] !== ']') {
        at++
        const [[, high]] = (take('\\') ? escaped(true) : single(text[at++]!)) as [Range]
        ranges.push([low, high])
      } else {
        ranges.push(...from)
      }
    }
    return negative ? complement(union(ranges)) : union(ranges)
  }

  function escaped (inBracket: boolean): Range[] {
    const letter = text[at++]!
    if (Object.hasOwn(CLASSES, letter)) return CLASSES[letter]!
    if (Object.hasOwn(CONTROLS, letter)) return range(CONTROLS[letter]!)
    if (letter === 'b' && inBracket) return range(0x08)
    if (letter === 'c') return range(text[at++]!.codePointAt(0)! % 32)
    if (letter === 'x') return range(hex(2))
    if (letter === 'u') return range(take('{') ? Number.parseInt(upTo('}'), 16) : unicode())
    if (/[a-z0-9]/i.test(letter)) throw new UnsupportedPattern(`\\${letter}`)
    return single(letter)
  }

  function hex (digits: number): number {
    at += digits
    return Number.parseInt(text.slice(at - digits, at).join(''), 16)
  }

  /** Reads four digits, or two escapes of four digits for a surrogate pair. */
  function unicode (): number {
    const high = hex(4)
    if (high < 0xd800 || high > 0xdbff || text[at] !== '\\' || text[at + 1] !== 'u') return high
    const low = Number.parseInt(text.slice(at + 2, at + 6).join(''), 16)
    if (!(low >= 0xdc00 && low <= 0xdfff)) return high
    at += 6
    return String.fromCharCode(high, low).codePointAt(0)!
  }

  const ahead: ParsedPattern['ahead'] = []
  const anchored = take('^')
  for (; take('(?!') || take('(?='); take(')')) {
    if (!anchored) throw new UnsupportedPattern(`(?${text[at - 1]}`)
    ahead.push({ negative: text[at - 1] === '!', pattern: choice() })
  }
  // `^` belongs to the first alternative only: in `^a|b`, only `a` is anchored.
  const first: Pattern = anchored ? { type: 'sequence', parts: [{ type: 'start' }, sequence()] } : sequence()
  if (!take('|')) return { pattern: first, ahead }
  if (ahead.length > 0) throw new UnsupportedPattern('|')
  return { pattern: { type: 'choice', options: [first, choice()] }, ahead }
}

function single (character: string): Range[] {
  return range(character.codePointAt(0)!)
}

function range (code: number): Range[] {
  return [[code, code]]
}
