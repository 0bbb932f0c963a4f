import { accessSync, constants, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { ServiceStatus } from './client.ts'
import { renderHtml } from './report-html.ts'
import type { ExampleResult, Sampling } from './run-example.ts'
import { summarize, type TaskSummary } from './summary.ts'

/** What decided the answers: the difference between two reports is a difference of these. */
export interface Setup {
  model: ServiceStatus['model']
  limits: ServiceStatus['limits']
  sampling: Sampling
  concurrency: number
}

export interface Report {
  sightline_evaluation: 1
  /** ISO 8601, when it began. */
  date: string
  seconds: number
  folder: string
  setup: Setup
  tasks: TaskSummary[]
  all: TaskSummary
  /** Wrong ones first. */
  examples: ExampleResult[]
}

/** As much as a comparison reads. */
const ReportSchema = Type.Object({
  sightline_evaluation: Type.Literal(1),
  setup: Type.Object({}),
  examples: Type.Array(Type.Object({
    id: Type.String(),
    task: Type.String(),
    right: Type.Boolean(),
    turns: Type.Array(Type.Object({ answer: Type.Union([Type.Object({ response: Type.String() }), Type.Null()]) }))
  }))
})

export function createReport (setup: Setup, folder: string, startedAt: Date, results: ExampleResult[]): Report {
  const examples = [...results.filter(({ right }) => !right), ...results.filter(({ right }) => right)]
  const seconds = Math.round((Date.now() - startedAt.getTime()) / 100) / 10
  return {
    sightline_evaluation: 1, date: startedAt.toISOString(), seconds, folder, setup, ...summarize(results), examples
  }
}

/**
 * Before anything is asked: whether a report can be written in the end.
 * @throws Error with a sentence
 */
export function assertWritable (file: string): void {
  const folder = path.dirname(path.resolve(file))
  try {
    if (!statSync(folder).isDirectory()) throw new Error('its folder is none')
    accessSync(statSync(file, { throwIfNoEntry: false }) ? file : folder, constants.W_OK)
  } catch (error) {
    throw new Error(`The report ${file} cannot be written: ${(error as Error).message}`)
  }
}

/** @param file .html for people, otherwise JSON */
export function writeReport (file: string, report: Report): void {
  writeFileSync(file, path.extname(file) === '.html'
    ? renderHtml(report, path.dirname(path.resolve(file)))
    : `${JSON.stringify(report, null, 2)}\n`)
}

/** @throws Error with a sentence when the file is no report */
export function readReport (file: string): Report {
  let content: unknown
  try {
    content = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new Error(`The report ${file} cannot be read: ${(error as Error).message}`)
  }
  if (!Value.Check(ReportSchema, content)) throw new Error(`${file} is no report of this command`)
  return content as unknown as Report
}
