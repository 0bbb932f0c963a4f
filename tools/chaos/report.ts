import { median } from '../bench/lib/stats.ts'
import type { Growth } from './books/growth.ts'
import { describeStall, MAX_STALL_MS } from './books/stalls.ts'
import type { Checker } from './checker.ts'

export interface ReportInput {
  checker: Checker
  /** Lines about the run: machine, seed, settings. */
  conditions: readonly string[]
  skipped: ReadonlyArray<{ name: string, reason: string }>
  /** Command that sends a single request again; `N` stands for its number. */
  repeat: string
}

/** Renders the conditions and results of a run as Markdown. */
export function toReport ({ checker, conditions, skipped, repeat }: ReportInput): string {
  const { violations, windows, growth } = checker
  const growths = growth.growths()
  const grown = growths.filter(({ grows }) => grows)
  const verdict =
    violations.length + grown.length === 0 ? 'No violation.' : `**${violations.length + grown.length} violations.**`
  return [
    `${conditions.join('  \n')}\n`,
    `${verdict} ${checker.requests} connections, ${windows.all.length} faults. ` +
      `At most ${checker.mostSlotsTaken} slots were taken. ` +
      `All files were removed within ${checker.longestLeftoverMs} ms after their request.\n`,
    ...skipped.map(({ name, reason }) => `**Without ${name}**: ${reason}\n`),
    ...violations.length + grown.length > 0
      ? ['## Violations\n', violationList(checker, grown), `\`${repeat}\` sends request N again to an idle service.\n`]
      : [],
    '## Endings\n',
    endingTable(checker.endings),
    '## Faults\n',
    faultTable(checker),
    '## Event loop\n',
    stallText(checker),
    '## Growth\n',
    'Measured in the idle service after a garbage collection. The course shows the process that lived longest: its ' +
      'first point, the means of its eighths, and its last point. The slope is fitted by least squares with an ' +
      'intercept for each process, without the requests of the warm-up, ± two standard errors. It counts from 1000 ' +
      'requests on.\n',
    growthTable(growths)
  ].join('\n')
}

/** Whether a run had no violation and no growing measure. */
export function isClean ({ violations, growth }: Checker): boolean {
  return violations.length === 0 && growth.growths().every(({ grows }) => !grows)
}

function violationList ({ violations }: Checker, grown: readonly Growth[]): string {
  const lines = violations.map(({ request, what }) => request === null ? what : `request ${request}: ${what}`)
  const growths = grown.map(({ measure, slope }) => `${measure} grows by ${round(slope!.slope)} per 1000 requests`)
  return `${[...lines, ...growths].map(line => `- ${line.replaceAll('\n', ' ')}`).join('\n')}\n`
}

function endingTable (endings: Checker['endings']): string {
  const rows = [...endings].sort(([a], [b]) => a < b ? -1 : 1).map(([kind, counts]) => {
    const sorted = [...counts].sort(([, a], [, b]) => b - a)
    return [
      kind, String(sorted.reduce((sum, [, count]) => sum + count, 0)),
      sorted.map(([ending, count]) => `${ending} ${count}`).join(', ')
    ]
  })
  return table(['kind', 'requests', 'endings'], rows)
}

function faultTable ({ windows }: Checker): string {
  const names = [...new Set(windows.all.map(({ fault }) => fault.name))].sort()
  const rows = names.map(name => {
    const all = windows.all.filter(({ fault }) => fault.name === name)
    return [name, String(all.length), round(median(all.map(({ from, to }) => ((to ?? Date.now()) - from) / 1000)))]
  })
  return table(['fault', 'times', 'median length, s'], rows)
}

function stallText ({ stalls: { count, longest, noisiest } }: Checker): string {
  if (longest === null || noisiest === null) return 'No stall of more than 50 ms.\n'
  return [
    'Measured inside the running service. The machine causes the time in which threads wait for a CPU. ' +
      `The service causes the rest, at most ${MAX_STALL_MS} ms are allowed.\n`,
    `- stalls of more than 50 ms: ${count}`,
    `- longest by the service: ${describeStall(longest)}`,
    `- longest by the machine: ${describeStall(noisiest)}\n`
  ].join('\n')
}

function growthTable (growths: readonly Growth[]): string {
  const rows = growths.map(({ measure, course, slope, warmUp, limit, grows }) => [
    measure, course.map(round).join(' '),
    String(warmUp),
    slope === null
      ? 'too few points'
      : `${round(slope.slope)} ± ${round(2 * slope.standardError)} (${(1000 * slope.span).toFixed(0)} requests)`,
    `${limit}${grows ? ' **exceeded**' : ''}`
  ])
  return table(['measure', 'course', 'warm-up, requests', 'per 1000 requests', 'limit'], rows)
}

function table (head: readonly string[], rows: readonly string[][]): string {
  return `${[head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')}\n`
}

function round (value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2)
}
