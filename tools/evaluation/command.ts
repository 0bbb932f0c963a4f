import path from 'node:path'
import { ConfigError } from '../../config/config.ts'
import { createClient, type Client } from './client.ts'
import { compareReports, comparisonText } from './comparison.ts'
import { readExamples, type Example } from './examples.ts'
import { parseOptions, USAGE, UsageError, type Options } from './options.ts'
import { startOwnService } from './own-service.ts'
import { mapConcurrently } from './pool.ts'
import { assertWritable, createReport, readReport, writeReport, type Report } from './report.ts'
import { runExample } from './run-example.ts'
import { percent, summaryTable } from './summary.ts'

/** Where the command writes. */
export interface Io {
  out (text: string): void
  /** Progress and faults. */
  err: Pick<NodeJS.WriteStream, 'write' | 'isTTY'>
}

/** Exit codes: every task is good enough, one is not or there was trouble, the command line or a setting is wrong. */
export const DONE = 0
export const FAILED = 1
export const MISUSED = 2

/**
 * Scores a model on a folder of examples, through the service.
 * @param env settings of a service that is started, as from `readEnvironment`
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
    return tell(report, earlier, options, io)
  } catch (error) {
    signal.throwIfAborted()
    io.err.write(`${(error as Error).message}\n`)
    if (error instanceof UsageError) io.err.write(`\n${USAGE}\n`)
    return error instanceof UsageError || error instanceof ConfigError ? MISUSED : FAILED
  }
}

/** @throws UsageError when a task is not there */
function choose (examples: Example[], { tasks, limit }: Options): Example[] {
  const known = new Set(examples.map(({ task }) => task))
  for (const task of tasks) {
    if (!known.has(task)) throw new UsageError(`--task ${task} is not among ${[...known].join(', ')}`)
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
function tell (report: Report, earlier: Report | null, { compare, reports, atLeast }: Options, io: Io): number {
  const { model } = report.setup
  const { right, total } = report.all
  io.out(summaryTable(report))
  const refusals =
    report.examples.flatMap(({ id, turns }) => turns.flatMap(({ error }) => error === null ? [] : `${id}: ${error}`))
  io.out(`\n${model.name} on ${model.device}: ${right} of ${total} right in ${report.seconds} s${refusals.length > 0
    ? `, ${refusals.length} refused (${refusals[0]})`
    : ''}`)
  if (earlier) io.out(`\n${comparisonText(compareReports(earlier, report), compare)}`)
  for (const file of reports) io.out(`Report: ${file}`)
  const below = report.tasks.filter(({ share }) => atLeast !== null && share < atLeast)
  if (below.length === 0) return DONE
  io.err.write(
    `Below ${percent(atLeast!)} %: ${below.map(({ task, share }) => `${task} (${percent(share)} %)`).join(', ')}\n`
  )
  return FAILED
}
