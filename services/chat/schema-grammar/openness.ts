import type { Fork } from './properties.ts'
import { spend } from './work.ts'

/** The alternatives of a rule that llama.cpp has to follow in parallel. */
export interface Openings {
  /** Values after the same name. */
  forks: Fork[]
  /** Maximum number of names that may come next. */
  widest: number
  /** The rules of the items, for each alternative that is a list. */
  lists: string[][]
  /** Number of alternatives that are neither objects nor lists. */
  simple: number
}

/** Number of alternatives that may be open in the values of a rule, by type. The first character shows the type. */
interface Ways { objects: number, lists: number, simple: number }

/**
 * llama.cpp matches each open alternative against its whole vocabulary. That takes about 10 ms if many characters are
 * allowed, and 1 ms if few are allowed, as in names. With recursion, the number of alternatives multiplies per level.
 */
const MAX_WAYS = 64
const NAMES_PER_WAY = 4
/** Alternatives of rules that are not listed: those of unconstrained values. */
const FREE: Ways = { objects: 1, lists: 1, simple: 4 }

/** Returns a rule that branches and exceeds `MAX_WAYS`, or null if there is none. */
export function findTooOpen (rules: ReadonlyMap<string, Openings>): string | null {
  const known = new Map<string, Ways>([...rules.keys()].map(name => [name, { objects: 0, lists: 0, simple: 0 }]))
  const waysOf = (name: string) => known.get(name) ?? FREE
  const most = ({ objects, lists, simple }: Ways) => Math.max(1, objects, lists, simple)
  const inParallel = (names: readonly string[]) => most([...new Set(names)].map(waysOf).reduce((sum, one) => ({
    objects: sum.objects + one.objects,
    lists: sum.lists + one.lists,
    simple: sum.simple + one.simple
  })))

  // The numbers only grow. The loop ends when nothing changes or, with recursion, when a number exceeds the limit.
  for (let changed = true; changed;) {
    changed = false
    for (const [name, { forks, widest, lists, simple }] of rules) {
      spend(1 + lists.length + forks.reduce((sum, fork) => sum + fork.length, 0))
      const before = known.get(name)!
      const ways: Ways = {
        objects: Math.max(Math.ceil(widest / NAMES_PER_WAY), ...forks.map(inParallel)),
        lists: lists.reduce((sum, items) => sum + Math.max(1, ...items.map(item => most(waysOf(item)))), 0),
        simple
      }
      if (most(ways) > MAX_WAYS) {
        return [...rules].find(([other, openings]) =>
          branches(openings) && most(waysOf(other)) * 4 > MAX_WAYS)?.[0] ?? name
      }
      if (ways.objects === before.objects && ways.lists === before.lists && ways.simple === before.simple) continue
      known.set(name, ways)
      changed = true
    }
  }
  return null
}

function branches ({ forks, lists, simple, widest }: Openings): boolean {
  return forks.some(fork => new Set(fork).size > 1) || lists.length > 1 || Math.max(simple, widest) > MAX_WAYS
}
