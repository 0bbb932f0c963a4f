import path from 'node:path'
import { parseArgs } from 'node:util'
import { ROOT } from '../../config/root.ts'

export interface Options {
  /** Preset, path, hf: address or `demo`; empty with a `url`. */
  model: string
  /** Base URL of a running service. Empty: the command starts one. */
  url: string
  key: string
  folder: string
  /** Empty: all tasks. */
  tasks: string[]
  /** Most examples per task. */
  limit: number
  /** Null: the number of slots of the service. */
  concurrency: number | null
  temperature: number
  seed: number
  /** Null: the default of the service. */
  maxTokens: number | null
  /** Files to write, `.json` or `.html`. */
  reports: string[]
  /** Smallest share of right answers in each task, 0 to 1. Null: no bound. */
  atLeast: number | null
  /** File of an earlier report. Empty: none. */
  compare: string
}

export const USAGE = `eval <model>             starts the service with a model and asks it the examples of a folder;
                         a preset, a path, an hf: address or demo (the embedded model)
eval --url http://…      asks a running service instead; --key KEY or SIGHTLINE_KEY

--folder DIR             images and examples.json (default: the examples of the embedded model)
--task a,b               only these tasks
--limit N                most examples per task
--concurrency N          parallel questions (default: the slots of the service)
--temperature T          default 0
--seed N                 default 0
--max-tokens N           most tokens of an answer (default: that of the service)
--report FILE            .json or .html; may be repeated
--compare REPORT.json    prints the differences from an earlier report
--at-least SHARE         exit code 1 if a task has a smaller share of right answers, such as 0.95

A service that the command starts reads the same settings as npm start. docs/evaluation.md describes examples.json.`

/** The command line is wrong. */
export class UsageError extends Error {}

const REPORT_TYPES = ['.json', '.html']
const DEFAULT_FOLDER = path.join(ROOT, 'models/demo/examples')
const SEED_MAX = 2 ** 32 - 1

/**
 * Reads the command line.
 * @param env may contain SIGHTLINE_KEY
 * @throws UsageError with a sentence
 */
export function parseOptions (args: string[], env: NodeJS.ProcessEnv): Options {
  const { values, positionals } = parse(args)
  if (positionals.length + (values.url === undefined ? 0 : 1) !== 1) {
    throw new UsageError('Name one model, or a running service with --url')
  }
  if (values.key !== undefined && values.url === undefined) {
    throw new UsageError('--key needs --url: a service that the command starts requires no key')
  }
  if (values.url !== undefined && !/^https?:/.test(URL.canParse(values.url) ? values.url : '')) {
    throw new UsageError(`--url must be an http(s) address, got "${values.url}"`)
  }
  const reports = values.report ?? []
  for (const report of reports) {
    if (!REPORT_TYPES.includes(path.extname(report))) {
      throw new UsageError(`--report must end in ${REPORT_TYPES.join(' or ')}, got "${report}"`)
    }
  }
  return {
    model: positionals[0] ?? '',
    url: values.url ?? '',
    key: values.key ?? env.SIGHTLINE_KEY ?? '',
    folder: values.folder ?? DEFAULT_FOLDER,
    tasks: (values.task ?? []).flatMap(task => task.split(',')).map(task => task.trim()).filter(Boolean),
    limit: integer('limit', values.limit, 1) ?? Infinity,
    concurrency: integer('concurrency', values.concurrency, 1, 1000),
    temperature: decimal('temperature', values.temperature, 2) ?? 0,
    seed: integer('seed', values.seed, 0, SEED_MAX) ?? 0,
    maxTokens: integer('max-tokens', values['max-tokens'], 1),
    reports,
    atLeast: decimal('at-least', values['at-least'], 1),
    compare: values.compare ?? ''
  }
}

function parse (args: string[]) {
  const text = { type: 'string' } as const
  const texts = { type: 'string', multiple: true } as const
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        url: text,
        key: text,
        folder: text,
        task: texts,
        limit: text,
        concurrency: text,
        temperature: text,
        seed: text,
        'max-tokens': text,
        report: texts,
        compare: text,
        'at-least': text
      }
    })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function integer (
  option: string, value: string | undefined, minimum: number, maximum = Number.MAX_SAFE_INTEGER
): number | null {
  return bounded(option, value, /^\d+$/, minimum, maximum, 'an integer')
}

function decimal (option: string, value: string | undefined, maximum: number): number | null {
  return bounded(option, value, /^\d+(\.\d+)?$/, 0, maximum, 'a number')
}

function bounded (
  option: string, value: string | undefined, form: RegExp, minimum: number, maximum: number, what: string
): number | null {
  if (value === undefined) return null
  const number = form.test(value) ? Number(value) : NaN
  if (!(number >= minimum && number <= maximum)) {
    throw new UsageError(`--${option} must be ${what} from ${minimum} to ${maximum}, got "${value}"`)
  }
  return number
}
