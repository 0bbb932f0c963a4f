import type { ServiceStatus } from './client.ts'
import type { ExampleResult, Sampling } from './run-example.ts'
import { summarize, type TaskSummary } from './summary.ts'

/** Everything that decides the answers. If two reports have equal setups, their answers should be equal. */
export interface Setup {
  model: ServiceStatus['model']
  limits: ServiceStatus['limits']
  sampling: Sampling
  concurrency: number
}

export interface Report {
  sightline_evaluation: 1
  /** Start of the evaluation, ISO 8601. */
  date: string
  seconds: number
  folder: string
  setup: Setup
  tasks: TaskSummary[]
  all: TaskSummary
  /** Wrong ones first. */
  examples: ExampleResult[]
}

export function createReport (setup: Setup, folder: string, startedAt: Date, results: ExampleResult[]): Report {
  const examples = [...results.filter(({ right }) => !right), ...results.filter(({ right }) => right)]
  const seconds = Math.round((Date.now() - startedAt.getTime()) / 100) / 10
  return {
    sightline_evaluation: 1, date: startedAt.toISOString(), seconds, folder, setup, ...summarize(results), examples
  }
}
