import path from 'node:path'
import { ConfigError } from '../../config/config.ts'
import { createClient, type Client } from './client.ts'
import { compareReports, comparisonText } from './comparison.ts'
import { readExamples, type Example } from './examples.ts'
import { parseOptions, USAGE, UsageError, type Options } from './options.ts'
import { startOwnService } from './own-service.ts'
import { mapConcurrently } from './pool.ts'
import { assertWritable, readReport, writeReport } from './report-file.ts'
import { createReport, type Report } from './report.ts'
import { runExample } from './run-example.ts'
import { percent, summaryTable } from './summary.ts'

/** The outputs of the command. */
export interface Io {
  out (text: string): void
  /** Receives progress and errors. */
  err: Pick<NodeJS.WriteStream, 'write' | 'isTTY'>
}

/** Exit code: every task reached `--at-least`. */
export const DONE = 0
/** Exit code: a task is below `--at-least`, or an error occurred. */
export const FAILED = 1
/** Exit code: the command line or a setting is wrong. */
export const MISUSED = 2

/**
 * Scores a model on a folder of examples, as a client of the service.
 * @param env settings for a service that the command starts, as `readEnvironment` returns them
 * @returns exit code
 * @throws the reason of `signal`
 */
export async function runEvalCommand (
  args: string[], env: NodeJS.ProcessEnv, io: Io, signal: AbortSignal
): Promise<number> {
  try {
    const options = parseOptions(args, env)
    const examples = choose(readExamples(options.folder), options)
    const earlier = options.compare === '' ? null : readReport(options.compare)
    for (const file of options.reports) assertWritable(file)
    const report = await evaluate(examples, options, env, io, signal)
    for (const file of options.reports) writeReport(file, report)
    return printSummary(report, earlier, options, io)
  } catch (error) {
    signal.throwIfAborted()
    io.err.write(`${(error as Error).message}\n`)
    if (error instanceof UsageError) io.err.write(`\n${USAGE}\n`)
    return error instanceof UsageError || error instanceof ConfigError ? MISUSED : FAILED
  }
}

/** @throws UsageError when no example has a task */
function choose (examples: Example[], { tasks, limit }: Options): Example[] {
  const known = new Set(examples.map(({ task }) => task))
  for (const task of tasks) {
    if (!known.has(task)) throw new UsageError(`--task ${task} is not one of ${[...known].join(', ')}`)
  }
  const taken = new Map<string, number>()
  return examples.filter(({ task }) => {
    if (tasks.length > 0 && !tasks.includes(task)) return false
    taken.set(task, (taken.get(task) ?? 0) + 1)
    return taken.get(task)! <= limit
  })
}

async function evaluate (
  examples: Example[], options: Options, env: NodeJS.ProcessEnv, io: Io, signal: AbortSignal
): Promise<Report> {
  if (options.url !== '') return await askAll(examples, createClient(options), options, io, signal)
  const service = await startOwnService(options.model, env, signal)
  try {
    return await askAll(examples, createClient({ url: service.url, key: '' }), options, io, signal)
  } finally {
    await service.close()
  }
}

async function askAll (
  examples: Example[], client: Client, { folder, concurrency, temperature, seed, maxTokens }: Options, io: Io,
  signal: AbortSignal
): Promise<Report> {
  const { model, limits, slots } = await client.status(signal)
  const setup =
    { model, limits, sampling: { temperature, seed, max_tokens: maxTokens }, concurrency: concurrency ?? slots.total }
  const startedAt = new Date()
  let done = 0
  const results = await mapConcurrently(examples, setup.concurrency, signal, async (example, signal) => {
    const result = await runExample(example, folder, client, setup.sampling, signal)
    done++
    if (io.err.isTTY) io.err.write(`\r${done} of ${examples.length}${done === examples.length ? '\n' : ''}`)
    return result
  })
  return createReport(setup, path.resolve(folder), startedAt, results)
}

/** @returns exit code */
function printSummary (
  report: Report, earlier: Report | null, { compare, reports, atLeast }: Options, io: Io
): number {
  const { model } = report.setup
  const { right, total } = report.all
  io.out(summaryTable(report))
  const refusals =
    report.examples.flatMap(({ id, turns }) => turns.flatMap(({ error }) => error === null ? [] : `${id}: ${error}`))
  const refused = refusals.length > 0 ? `, ${refusals.length} refused (${refusals[0]})` : ''
  io.out(`\n${model.name} on ${model.device}: ${right} of ${total} right in ${report.seconds} s${refused}`)
  if (earlier) io.out(`\n${comparisonText(compareReports(earlier, report), compare)}`)
  for (const file of reports) io.out(`Report: ${file}`)
  const below = report.tasks.filter(({ share }) => atLeast !== null && share < atLeast)
  if (below.length === 0) return DONE
  const list = below.map(({ task, share }) => `${task} (${percent(share)} %)`).join(', ')
  io.err.write(`Below ${percent(atLeast!)} %: ${list}\n`)
  return FAILED
}
