import { table } from '../../services/models/table.ts'
import type { ExampleResult } from './run-example.ts'
import { median, wilson } from './statistics.ts'

/** A row of the table. */
export interface TaskSummary {
  task: string
  right: number
  total: number
  /** right / total */
  share: number
  /** Lower bound of the 95 % confidence interval. */
  low: number
  /** Upper bound of the 95 % confidence interval. */
  high: number
  /** Median duration of an answer as the service measures it, or null without answers. */
  median_ms: number | null
}

/** Summarizes each task, in the order of the examples, and all examples together. */
export function summarize (examples: ExampleResult[]): { tasks: TaskSummary[], all: TaskSummary } {
  const tasks = [...new Set(examples.map(({ task }) => task))]
  return {
    tasks: tasks.map(task => summaryOf(task, examples.filter(example => example.task === task))),
    all: summaryOf('all', examples)
  }
}

function summaryOf (task: string, examples: ExampleResult[]): TaskSummary {
  const right = examples.filter(example => example.right).length
  const total = examples.length
  const [low, high] = wilson(right, total)
  const times = examples.flatMap(({ turns }) => turns.flatMap(({ answer }) => answer?.timings.total_ms ?? []))
  return { task, right, total, share: total === 0 ? 0 : right / total, low, high, median_ms: median(times) }
}

export function summaryTable ({ tasks, all }: { tasks: TaskSummary[], all: TaskSummary }): string {
  const rows = [...tasks, all].map(({ task, right, total, share, low, high, median_ms: ms }) =>
    [
      task, `${right}/${total}`, percent(share), `${percent(low)} to ${percent(high)}`,
      ms === null ? '-' : ms.toFixed(0)
    ])
  return table([['task', 'right', '%', '95 % interval', 'median ms'], ...rows], [1, 2, 3, 4])
}

export function percent (share: number): string {
  return (100 * share).toFixed(1)
}
