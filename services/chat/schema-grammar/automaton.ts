import { ALL, complement, intersection, union, type Range } from './characters.ts'
import { spend, TooComplex } from './work.ts'

/**
 * A deterministic finite automaton over code points. It represents a set of strings that can be intersected, subtracted
 * and tested for emptiness. State 0 is the start; an automaton without states is the empty set. Every state leads to an
 * accepting state.
 */
export type Automaton = readonly State[]

export interface State {
  readonly accepts: boolean
  /** In ascending order, without overlaps. */
  readonly edges: readonly Edge[]
}

export interface Edge { readonly low: number, readonly high: number, readonly to: number }

/** A grammar with more states would be slow to sample from. */
export const MAX_STATES = 2000
const MERGE_ROUNDS = 20
/** Edges that can be compared for one step of the budget. */
const EDGES_PER_STEP = 8

/**
 * Builds an automaton by exploring states from the start.
 * @param key returns the same key for equal states
 * @param expand returns whether a state accepts, and its edges, whose ranges do not overlap
 * @throws TooComplex
 */
export function explore<S> (
  start: S, key: (state: S) => string,
  expand: (state: S) => { accepts: boolean, edges: Array<{ low: number, high: number, to: S }> }
): Automaton {
  const places = new Map([[key(start), 0]])
  const found = [start]
  const states: State[] = []
  for (let at = 0; at < found.length; at++) {
    if (at >= MAX_STATES) throw new TooComplex()
    const { accepts, edges } = expand(found[at]!)
    spend(1 + edges.length)
    states.push({
      accepts,
      edges: edges.map(({ low, high, to }) => {
        const name = key(to)
        if (!places.has(name)) places.set(name, found.push(to) - 1)
        return { low, high, to: places.get(name)! }
      })
    })
  }
  return merge(trim(states))
}

/** Returns the strings that both automata accept. */
export function intersect (a: Automaton, b: Automaton): Automaton {
  if (a.length === 0 || b.length === 0) return []
  return explore<[number, number]>([0, 0], String, ([i, j]) =>
    ({ accepts: a[i]!.accepts && b[j]!.accepts, edges: shared(a[i]!.edges, b[j]!.edges) }))
}

/** Returns the ranges that the edges of two states share, and both targets of each range. */
function shared (
  some: readonly Edge[], others: readonly Edge[]
): Array<{ low: number, high: number, to: [number, number] }> {
  spend(some.length + others.length)
  const found: Array<{ low: number, high: number, to: [number, number] }> = []
  for (let i = 0, j = 0; i < some.length && j < others.length;) {
    const [one, other] = [some[i]!, others[j]!]
    const [low, high] = [Math.max(one.low, other.low), Math.min(one.high, other.high)]
    if (low <= high) found.push({ low, high, to: [one.to, other.to] })
    if (one.high < other.high) i++
    else j++
  }
  return found
}

/** Returns the strings that `a` accepts and `b` does not. */
export function subtract (a: Automaton, b: Automaton): Automaton {
  if (a.length === 0 || b.length === 0) return a
  return explore<[number, number | null]>([0, 0], String, ([i, j]) => {
    const others = j === null ? [] : b[j]!.edges
    spend(a[i]!.edges.length * Math.max(1, others.length / EDGES_PER_STEP))
    const edges = a[i]!.edges.flatMap(({ low, high, to }) => {
      const parts: Array<{ low: number, high: number, to: [number, number | null] }> = []
      let next = low
      for (const other of others) {
        if (other.high < next || other.low > high) continue
        if (other.low > next) parts.push({ low: next, high: other.low - 1, to: [to, null] })
        parts.push({ low: Math.max(next, other.low), high: Math.min(high, other.high), to: [to, other.to] })
        next = other.high + 1
      }
      if (next <= high) parts.push({ low: next, high, to: [to, null] })
      return parts
    })
    return { accepts: a[i]!.accepts && !(j !== null && b[j]!.accepts), edges }
  })
}

/** Returns the strings of `min` to `max` characters. */
export function ofLength (min: number, max: number): Automaton {
  if (max !== Infinity ? max >= MAX_STATES : min >= MAX_STATES) throw new TooComplex()
  return explore<number>(0, String, length => ({
    accepts: length >= min,
    edges: length >= max
      ? []
      : ALL.map(([low, high]) => ({ low, high, to: max === Infinity ? Math.min(length + 1, min) : length + 1 }))
  }))
}

/** Returns exactly these strings. */
export function ofWords (words: readonly string[]): Automaton {
  const split = words.map(word => [...word].map(character => character.codePointAt(0)!))
  // A state is a prefix with the words that share it. Each prefix is reached once, so any unique key will do.
  let count = 0
  return explore({ depth: 0, words: split }, () => String(count++), ({ depth, words }) => {
    const next = new Map<number, number[][]>()
    spend(words.length)
    for (const word of words) {
      const character = word[depth]
      if (character === undefined) continue
      const alike = next.get(character)
      if (alike) alike.push(word)
      else next.set(character, [word])
    }
    return {
      accepts: words.some(word => word.length === depth),
      edges: [...next].map(([character, rest]) =>
        ({ low: character, high: character, to: { depth: depth + 1, words: rest } }))
    }
  })
}

/** Returns the strings of these characters that do not contain the word. */
export function without (word: string, characters: readonly Range[]): Automaton {
  const codes = [...word].map(character => character.codePointAt(0)!)
  /** Returns the length of the longest beginning of the word with which these characters end. */
  const matched = (seen: readonly number[]): number => {
    let length = Math.min(seen.length, codes.length)
    while (!codes.slice(0, length).every((code, at) => code === seen[seen.length - length + at])) length--
    return length
  }
  const known = [...new Set(codes)]
  const others = intersection(characters, complement(union(known.map(code => [code, code]))))
  // A state is the length of the word's beginning with which the string ends.
  return explore<number>(0, String, length => {
    const next = known.filter(code => characters.some(([low, high]) => low <= code && code <= high))
      .map(code => ({ low: code, high: code, to: matched([...codes.slice(0, length), code]) }))
      .filter(({ to }) => to < codes.length)
    return { accepts: true, edges: [...next, ...others.map(([low, high]) => ({ low, high, to: 0 }))] }
  })
}

export function accepts (automaton: Automaton, text: string): boolean {
  spend(text.length)
  let state = automaton[0]
  for (const character of text) {
    const code = character.codePointAt(0)!
    const edge = state?.edges.find(({ low, high }) => low <= code && code <= high)
    state = edge && automaton[edge.to]
  }
  return state?.accepts ?? false
}

/**
 * Returns the lengths, in code points, of the shortest and the longest string; `Infinity` without a longest one.
 * @param automaton not empty
 */
export function lengths (automaton: Automaton): { shortest: number, longest: number } {
  spend(automaton.length)
  let shortest = 0
  let layer = [0]
  const seen = new Set(layer)
  for (; !layer.some(at => automaton[at]!.accepts); shortest++) {
    layer = layer.flatMap(at => automaton[at]!.edges.map(edge => edge.to)).filter(to => !seen.has(to) && seen.add(to))
  }

  const open = automaton.map(() => 0)
  for (const { to } of automaton.flatMap(state => state.edges)) open[to]!++
  const depths = automaton.map(() => 0)
  const todo = open[0] === 0 ? [0] : []
  let sorted = 0
  for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
    sorted++
    for (const { to } of automaton[at]!.edges) {
      depths[to] = Math.max(depths[to]!, depths[at]! + 1)
      if (--open[to]! === 0) todo.push(to)
    }
  }
  // States that cannot be sorted are on or after a loop, and every loop leads to an accepting state.
  return { shortest, longest: sorted < automaton.length ? Infinity : Math.max(...depths) }
}

/** Removes the states that lead to no accepting state. */
function trim (states: State[]): State[] {
  const sources = states.map((): number[] => [])
  for (const [from, { edges }] of states.entries()) {
    for (const { to } of edges) sources[to]!.push(from)
  }
  const live = new Set<number>()
  const todo = states.flatMap((state, at) => state.accepts ? [at] : [])
  for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
    if (live.has(at)) continue
    live.add(at)
    todo.push(...sources[at]!)
  }
  return live.has(0) ? renumber(states, [...live].sort((a, b) => a - b)) : []
}

/** Merges equivalent states. It only saves rules, so the number of rounds is bounded. */
function merge (states: State[]): State[] {
  for (let round = 0; round < MERGE_ROUNDS; round++) {
    spend(states.length)
    const first = new Map<string, number>()
    const same = states.map((state, at) => {
      const signature = JSON.stringify([state.accepts, state.edges])
      if (!first.has(signature)) first.set(signature, at)
      return first.get(signature)!
    })
    if (first.size === states.length) return states
    const redirected =
      states.map(({ accepts, edges }) => ({ accepts, edges: edges.map(edge => ({ ...edge, to: same[edge.to]! })) }))
    states = renumber(redirected, [...first.values()])
  }
  return states
}

/**
 * Keeps only some states and numbers them again. Edges over adjacent ranges with the same target become one edge.
 * @param kept in ascending order
 */
function renumber (states: State[], kept: number[]): State[] {
  const places = new Map(kept.map((old, place) => [old, place]))
  return kept.map(old => {
    const edges: Array<{ low: number, high: number, to: number }> = []
    for (const { low, high, to } of [...states[old]!.edges].sort((a, b) => a.low - b.low)) {
      const place = places.get(to)
      if (place === undefined) continue
      const last = edges.at(-1)
      if (last && last.to === place && last.high + 1 === low) last.high = high
      else edges.push({ low, high, to: place })
    }
    return { accepts: states[old]!.accepts, edges }
  })
}

/** Groups ranges by target. A target may have several ranges, because `ALL` has a gap for surrogates. */
export function rangesTo (edges: readonly Edge[]): Map<number, Range[]> {
  const targets = new Map<number, Range[]>()
  for (const { low, high, to } of edges) targets.set(to, [...targets.get(to) ?? [], [low, high]])
  return targets
}
