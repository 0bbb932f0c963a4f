import { getLlama, LlamaLogLevel } from 'node-llama-cpp'

export interface Acceptor { accepts (text: string): boolean }

/**
 * Loads llama.cpp's grammar parser, without a model.
 * @returns a function that throws when llama.cpp cannot parse a grammar
 */
export async function createParser (): Promise<(gbnf: string) => Promise<Acceptor>> {
  const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true, logLevel: LlamaLogLevel.error })
  return async gbnf => {
    const grammar = await llama.createGrammar({ grammar: gbnf }) as unknown as { _testText (text: string): boolean }
    return { accepts: text => grammar._testText(text) }
  }
}

interface Item { unit: Unit, min: number, max: number }
type Unit = { text: string } | { ranges: Array<[number, number]> } | { rule: string } | { ways: Item[][] }

const ESCAPES: Record<string, string> = { n: '\n', r: '\r' }
/** Most repetitions of an unbounded item, beyond its minimum. */
const MOST = 6
/** From this depth on, only the shortest alternatives are taken. */
const DEEP = 40

/**
 * Draws texts from a grammar, with a random choice at each alternative. It is independent of llama.cpp, so that the two
 * can be compared.
 * @throws Error for a rule that is missing, defined twice or endless
 */
export function createSampler (gbnf: string): (random: () => number) => string {
  const rules = new Map<string, Item[][]>()
  for (const line of gbnf.trim().split('\n')) {
    const [, name, body] = /^([a-zA-Z0-9-]+) ::= (.*)$/s.exec(line)!
    if (rules.has(name!)) throw new Error(`rule ${name} is defined twice`)
    rules.set(name!, parseBody(body!))
  }

  // The fewest characters of each rule.
  const shortest = new Map([...rules.keys()].map(name => [name, Infinity]))
  const lengthOf = (unit: Unit): number => {
    if ('text' in unit) return [...unit.text].length
    if ('ranges' in unit) return 1
    if ('ways' in unit) return Math.min(...unit.ways.map(wayLength))
    const length = shortest.get(unit.rule)
    if (length === undefined) throw new Error(`rule ${unit.rule} is not defined`)
    return length
  }
  const wayLength = (way: Item[]) => way.reduce((sum, { unit, min }) => sum + (min === 0 ? 0 : min * lengthOf(unit)), 0)
  for (let changed = true; changed;) {
    changed = false
    for (const [name, ways] of rules) {
      const length = Math.min(...ways.map(wayLength))
      if (length < shortest.get(name)!) {
        shortest.set(name, length)
        changed = true
      }
    }
  }
  for (const [name, length] of shortest) if (length === Infinity) throw new Error(`rule ${name} never ends`)

  return random => {
    const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)]!
    const between = (low: number, high: number) => low + Math.floor(random() * (high - low + 1))

    const draw = (unit: Unit, depth: number): string => {
      if ('text' in unit) return unit.text
      if ('ranges' in unit) {
        const [low, high] = pick(unit.ranges)
        return String.fromCodePoint(
          random() < 0.2 ? pick([low, high]) : between(low, Math.min(high, random() < 0.5 ? low + 100 : high))
        )
      }
      const ways = 'ways' in unit ? unit.ways : rules.get(unit.rule)!
      const way = depth < DEEP ? pick(ways) : [...ways].sort((a, b) => wayLength(a) - wayLength(b))[0]!
      return way.map(item => {
        const count = depth < DEEP ? between(item.min, Math.min(item.max, item.min + MOST)) : item.min
        const full = depth < DEEP && item.max !== Infinity && random() < 0.1 ? item.max : count
        return Array.from({ length: full }, () => draw(item.unit, depth + 1)).join('')
      }).join('')
    }
    return draw({ rule: 'root' }, 0)
  }
}

function parseBody (body: string): Item[][] {
  let at = 0
  const skip = () => { while (body[at] === ' ') at++ }
  const match = (pattern: RegExp) => {
    const sticky = new RegExp(pattern.source, 'yus')
    sticky.lastIndex = at
    const found = sticky.exec(body)
    if (found) at = sticky.lastIndex
    return found
  }

  function alternatives (): Item[][] {
    const ways: Item[][] = []
    do ways.push(sequence()); while (match(/\|/))
    return ways
  }

  function sequence (): Item[] {
    const items: Item[] = []
    for (skip(); at < body.length && body[at] !== '|' && body[at] !== ')'; skip()) items.push(item())
    return items
  }

  function item (): Item {
    const unit = one()
    const count = match(/([*+?])|\{(\d+)(,?)(\d*)\}/)
    if (!count) return { unit, min: 1, max: 1 }
    const [, sign, min, comma, max] = count
    if (sign) return { unit, min: sign === '+' ? 1 : 0, max: sign === '?' ? 1 : Infinity }
    return { unit, min: Number(min), max: comma === '' ? Number(min) : max === '' ? Infinity : Number(max) }
  }

  function one (): Unit {
    const text = match(/"((?:\\.|[^"\\])*)"/)
    if (text) return { text: text[1]!.replace(/\\(.)/g, (_, letter) => ESCAPES[letter] ?? letter) }
    if (match(/\[/)) return { ranges: ranges() }
    if (match(/\(/)) {
      const ways = alternatives()
      if (!match(/\)/)) throw new Error(`no ) in ${body}`)
      return { ways }
    }
    const rule = match(/[a-zA-Z0-9-]+/)
    if (rule) return { rule: rule[0] }
    throw new Error(`cannot parse ${body.slice(at, at + 20)}`)
  }

  function ranges (): Array<[number, number]> {
    const list: Array<[number, number]> = []
    while (!match(/\]/)) {
      const low = character()
      list.push([low, body[at] === '-' && body[at + 1] !== ']' && match(/-/) ? character() : low])
    }
    return list
  }

  function character (): number {
    const code = match(/\\U([0-9a-f]{8})/)
    if (code) return Number.parseInt(code[1]!, 16)
    return (match(/\\(["\\])/)?.[1] ?? match(/./)![0]).codePointAt(0)!
  }

  const ways = alternatives()
  if (at < body.length) throw new Error(`cannot parse ${body.slice(at, at + 20)}`)
  return ways
}
