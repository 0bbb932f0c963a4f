import type { Fork } from './properties.ts'
import { spend } from './work.ts'

/** How a rule goes on, as far as llama.cpp has to follow several ways at once. */
export interface Openings {
  /** Values that stand behind the same name. */
  forks: Fork[]
  /** Names that may come at once. */
  widest: number
  /** Of each way that is a list, the rules of its items. */
  lists: string[][]
  /** Ways that are neither objects nor lists. */
  simple: number
}

/** How many ways may be open in the values of a rule, by the first character: it tells objects, lists and others apart. */
interface Ways { objects: number, lists: number, simple: number }

/**
 * llama.cpp holds each way that is open against its whole vocabulary, for some 10 ms where much is allowed and one where little is, as
 * for names; and in recursion ways multiply with each level.
 */
const MAX_WAYS = 64
const NAMES_PER_WAY = 4
/** Rules that are not among those told: of values of which nothing is said. */
const FREE: Ways = { objects: 1, lists: 1, simple: 4 }

/** One of the rules in which more ways than that would be open, one that branches itself; null when there is none. */
export function findTooOpen (rules: ReadonlyMap<string, Openings>): string | null {
  const known = new Map<string, Ways>([...rules.keys()].map(name => [name, { objects: 0, lists: 0, simple: 0 }]))
  const waysOf = (name: string) => known.get(name) ?? FREE
  const most = ({ objects, lists, simple }: Ways) => Math.max(1, objects, lists, simple)
  const sideBySide = (names: readonly string[]) => most([...new Set(names)].map(waysOf).reduce((sum, one) => ({
    objects: sum.objects + one.objects,
    lists: sum.lists + one.lists,
    simple: sum.simple + one.simple
  })))

  // What a rule may have open only grows, until nothing changes, or where there is recursion it grows beyond all bounds.
  for (let changed = true; changed;) {
    changed = false
    for (const [name, { forks, widest, lists, simple }] of rules) {
      spend(1 + lists.length + forks.reduce((sum, fork) => sum + fork.length, 0))
      const before = known.get(name)!
      const ways: Ways = {
        objects: Math.max(Math.ceil(widest / NAMES_PER_WAY), ...forks.map(sideBySide)),
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
