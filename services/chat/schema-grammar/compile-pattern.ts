import { explore, intersect, subtract, type Automaton } from './automaton.ts'
import { ALL, intersection, union, type Range } from './characters.ts'
import { parsePattern, type Pattern } from './pattern.ts'
import { spend, TooComplex } from './work.ts'

/** Nodes of the nondeterministic automaton. */
const MAX_NODES = 5000

interface Node {
  /** Nodes that are reached without a character: always, only at the start of the string, only at its end. */
  free: number[]
  atStart: number[]
  atEnd: number[]
  edges: Array<{ ranges: readonly Range[], to: number }>
}

/**
 * Returns the strings in which a regular expression finds a match. Without `^` and `$`, the match may be anywhere.
 * @throws SyntaxError, UnsupportedPattern, TooComplex
 */
export function compilePattern (source: string): Automaton {
  const { pattern, ahead } = parsePattern(source)
  return ahead.reduce((strings, look) => {
    const found = determine({ type: 'sequence', parts: [{ type: 'start' }, look.pattern] })
    return look.negative ? subtract(strings, found) : intersect(strings, found)
  }, determine(pattern))
}

function determine (pattern: Pattern): Automaton {
  const { nodes, last } = connect(pattern)

  /** Returns all nodes that are reached without a character, in ascending order. */
  function close (from: Iterable<number>, start: boolean, end: boolean): number[] {
    const closed = new Set<number>()
    const todo = [...from]
    for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
      if (closed.has(at)) continue
      closed.add(at)
      const { free, atStart, atEnd } = nodes[at]!
      todo.push(...free, ...start ? atStart : [], ...end ? atEnd : [])
    }
    spend(closed.size)
    // A match was found, so the rest of the string does not matter.
    return closed.has(last) && !end ? [last] : [...closed].sort((a, b) => a - b)
  }

  interface Place { at: number[], start: boolean }
  return explore<Place>({ at: close([0], true, false), start: true }, ({ at, start }) =>
    `${start} ${at.join()}`, ({ at, start }) => {
    const edges =
      at.flatMap(node => nodes[node]!.edges.flatMap(({ ranges, to }) => ranges.map(range => ({ range, to }))))
    const parts =
      split(edges).map(({ low, high, to }) => ({ low, high, to: { at: close(to, false, false), start: false } }))
    return { accepts: close(at, start, true).includes(last), edges: parts }
  })
}

/** Splits overlapping ranges into disjoint ones, each with all its targets. */
function split (edges: Array<{ range: Range, to: number }>): Array<{ low: number, high: number, to: Set<number> }> {
  const cuts = [...new Set(edges.flatMap(({ range: [low, high] }) => [low, high + 1]))].sort((a, b) => a - b)
  spend(edges.length * cuts.length / 4)
  return cuts.slice(0, -1).flatMap((low, index) => {
    const to = new Set(edges.filter(({ range }) => range[0] <= low && low <= range[1]).map(edge => edge.to))
    return to.size > 0 ? [{ low, high: cuts[index + 1]! - 1, to }] : []
  })
}

/** Thompson's construction, between two loops over all characters. Node 0 is the start. */
function connect (pattern: Pattern): { nodes: Node[], last: number } {
  const nodes: Node[] = []

  function add (): number {
    if (nodes.length >= MAX_NODES) throw new TooComplex()
    return nodes.push({ free: [], atStart: [], atEnd: [], edges: [] }) - 1
  }

  function next (from: number, how: 'free' | 'atStart' | 'atEnd'): number {
    const to = add()
    nodes[from]![how].push(to)
    return to
  }

  function anything (from: number): number {
    const node = next(from, 'free')
    nodes[node]!.edges.push({ ranges: ALL, to: node })
    return node
  }

  /** Appends a pattern to a node and returns the node after the pattern. */
  function append (part: Pattern, from: number): number {
    switch (part.type) {
      case 'start': return next(from, 'atStart')
      case 'end': return next(from, 'atEnd')
      case 'sequence': return part.parts.reduce((at, one) => append(one, at), from)
      case 'set': {
        const to = add()
        nodes[from]!.edges.push({ ranges: intersection(union(part.ranges), ALL), to })
        return to
      }
      case 'choice': {
        const end = add()
        for (const option of part.options) nodes[append(option, from)]!.free.push(end)
        return end
      }
      case 'repeat': return repeat(part.part, part.min, part.max, from)
    }
  }

  function repeat (part: Pattern, min: number, max: number, from: number): number {
    let at = from
    for (let i = 0; i < min; i++) at = append(part, next(at, 'free'))
    if (max === Infinity) {
      const loop = next(at, 'free')
      nodes[append(part, loop)]!.free.push(loop)
      return next(loop, 'free')
    }
    const end = add()
    nodes[at]!.free.push(end)
    for (let i = min; i < max; i++) {
      at = append(part, next(at, 'free'))
      nodes[at]!.free.push(end)
    }
    return end
  }

  const last = anything(append(pattern, anything(add())))
  return { nodes, last }
}
