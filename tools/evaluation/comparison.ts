import { isDeepStrictEqual } from 'node:util'
import { table } from '../../services/models/table.ts'
import type { Report, Setup } from './report.ts'
import type { ExampleResult } from './run-example.ts'

/** An example whose verdict changed. */
interface Change { id: string, task: string, right: boolean }

export interface Comparison {
  /** Counts of the examples that both reports contain. */
  tasks: Array<{ task: string, total: number, before: number, now: number }>
  changes: Change[]
  /** Number of examples with another answer and the same verdict. */
  otherWords: number
  /** Number of examples that only the earlier report contains. */
  onlyBefore: number
  /** Number of examples that only the new report contains. */
  onlyNow: number
  /** Settings that differ, named by their path. */
  settings: Array<{ name: string, before: string, now: string }>
}

/** Compares a report with an earlier one. */
export function compareReports (
  earlier: Pick<Report, 'setup' | 'examples'>, report: Pick<Report, 'setup' | 'examples'>
): Comparison {
  const before = new Map(earlier.examples.map(example => [example.id, example]))
  const shared = report.examples.flatMap(example => {
    const old = before.get(example.id)
    return old ? [{ old, example }] : []
  })
  const tasks = [...new Set(shared.map(({ example }) => example.task))].sort().map(task => {
    const its = shared.filter(({ example }) => example.task === task)
    return {
      task,
      total: its.length,
      before: its.filter(({ old }) => old.right).length,
      now: its.filter(({ example }) => example.right).length
    }
  })
  const changed = shared.filter(({ old, example }) => old.right !== example.right)
  return {
    tasks,
    changes: changed.map(({ example: { id, task, right } }) => ({ id, task, right })),
    otherWords: shared.filter(pair =>
      !changed.includes(pair) && !isDeepStrictEqual(wordsOf(pair.old), wordsOf(pair.example))).length,
    onlyBefore: earlier.examples.length - shared.length,
    onlyNow: report.examples.length - shared.length,
    settings: differences(earlier.setup, report.setup)
  }
}

export function comparisonText (
  { tasks, changes, otherWords, onlyBefore, onlyNow, settings }: Comparison, name: string
): string {
  const all = tasks.reduce((sum, { total, before, now }) => ({
    task: 'all', total: sum.total + total, before: sum.before + before, now: sum.now + now
  }), { task: 'all', total: 0, before: 0, now: 0 })
  const rows = [...tasks, all].map(({ task, total, before, now }) =>
    [task, `${before}/${total}`, `${now}/${total}`, signed(total === 0 ? 0 : 100 * (now - before) / total)])
  const list = (right: boolean) =>
    changes.filter(change => change.right === right).map(({ id }) => id).join(', ') || 'none'
  const only =
    onlyBefore + onlyNow > 0 ? ` (${onlyBefore} examples only there, ${onlyNow} only here)` : ''
  return [
    `Compared with ${name}${only}:`,
    ...settings.map(({ name, before, now }) => `${name}: ${before} then, ${now} now`),
    table([['task', 'then', 'now', 'points'], ...rows], [1, 2, 3]),
    `right now, wrong then: ${list(true)}`,
    `wrong now, right then: ${list(false)}`,
    `same verdict, other words: ${otherWords}`
  ].join('\n')
}

function wordsOf ({ turns }: ExampleResult): Array<string | null> {
  return turns.map(({ answer }) => answer?.response ?? null)
}

function differences (before: Setup, now: Setup): Comparison['settings'] {
  const [old, fresh] = [flatten(before), flatten(now)]
  return [...new Set([...Object.keys(old), ...Object.keys(fresh)])]
    .filter(name => old[name] !== fresh[name])
    .map(name => ({ name, before: old[name] ?? 'none', now: fresh[name] ?? 'none' }))
}

function flatten (value: unknown, at = ''): Record<string, string> {
  if (typeof value !== 'object' || value === null) return { [at]: String(value) }
  return Object.assign(
    {}, ...Object.entries(value).map(([key, item]) => flatten(item, at === '' ? key : `${at}.${key}`))
  )
}

function signed (points: number): string {
  return `${points > 0 ? '+' : ''}${points.toFixed(1)}`
}
