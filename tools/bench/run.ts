/**
 * Runs benchmarks and prints medians and ratios, the contenders, and the machine. README.md describes the scenarios.
 *
 *   npm run bench -- --scenario first-token,repeated-picture --model small
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import type { Contender } from './contenders/contender.ts'
import { llamaNode } from './contenders/llama-node.ts'
import { llamaServer } from './contenders/llama-server.ts'
import { earlierBuild, sightline } from './contenders/sightline.ts'
import { describeMachine } from './lib/machine.ts'
import { findModel, MODEL_NAMES } from './lib/models.ts'
import { RESULTS_DIR } from './lib/paths.ts'
import { toTable } from './lib/table.ts'
import { SCENARIOS } from './scenarios/index.ts'
import type { Bench } from './scenarios/scenario.ts'

const DEFAULT_ROUNDS = 5

const { values } = parseArgs({
  options: {
    scenario: { type: 'string', default: Object.keys(SCENARIOS).join(',') },
    model: { type: 'string', default: 'demo' },
    contenders: { type: 'string' },
    rounds: { type: 'string', default: String(DEFAULT_ROUNDS) },
    threads: { type: 'string', default: String(os.availableParallelism()) },
    gpu: { type: 'string', default: 'off' },
    before: { type: 'string' },
    save: { type: 'string' }
  }
})

// The others are compared with the first one.
const CONTENDERS: Record<string, Contender> = {
  sightline,
  'llama-server': llamaServer,
  'llama-node': llamaNode,
  ...values.before !== undefined && { before: earlierBuild(path.resolve(values.before)) }
}

const log = (message: string) => console.error(`  ${message}`)
const scenarios = values.scenario.split(',').map(name => pick('--scenario', name, SCENARIOS))
const contenders = values.contenders === undefined ? installed() : chosen(values.contenders)
const model = await findModel(pick('--model', values.model, Object.fromEntries(MODEL_NAMES.map(name => [name, name]))))
let seed = 0
const bench: Bench = {
  contenders,
  model,
  rounds: natural('--rounds', values.rounds),
  threads: natural('--threads', values.threads),
  gpu: pick('--gpu', values.gpu, { off: 'off', cuda: 'cuda' }),
  before: values.before === undefined ? null : path.resolve(values.before),
  freshSeed: () => ++seed,
  log
}

const conditions = [
  `Machine: ${describeMachine()}`,
  `Model: ${model.name}; slots of ${model.contextSize} tokens; ${bench.threads} threads each; GPU ${bench.gpu}`,
  ...contenders.map(({ name, description }) => `${name}: ${description}`),
  `Rounds: ${bench.rounds}. Medians, with the 10th and the 90th percentile of three values or more; ratios of medians.`
].join('  \n')
console.log(`${conditions}\n`)
const sections: string[] = []
const failures: string[] = []
for (const { title, run } of scenarios) {
  console.error(title)
  try {
    sections.push(`## ${title}\n\n${toTable(await run(bench))}\n`)
    console.log(sections.at(-1))
  } catch (error) {
    // The other scenarios still run. The result lists this one as not measured.
    failures.push(`${title}: ${(error as Error).message}`)
    console.error(error)
  }
}
if (failures.length > 0) sections.push(`## Not measured\n\n${failures.map(failure => `- ${failure}`).join('\n')}\n`)
if (values.save !== undefined) save(values.save)
process.exitCode = failures.length > 0 ? 1 : 0

function save (name: string): void {
  const date = new Date().toISOString().slice(0, 10)
  mkdirSync(RESULTS_DIR, { recursive: true })
  const file = path.join(RESULTS_DIR, `${date}-${name}.md`)
  writeFileSync(file, `# ${date}, ${name}\n\n${conditions}\n\n${sections.join('\n')}`)
  log(`results written to ${path.relative(process.cwd(), file)}`)
}

/** All contenders that are ready. Logs what the others need. */
function installed (): Contender[] {
  return Object.values(CONTENDERS).filter(contender => {
    const missing = contender.missing()
    if (missing !== null) log(`without ${contender.name}: ${missing}`)
    return missing === null
  })
}

function chosen (names: string): Contender[] {
  return names.split(',').map(name => {
    const contender = pick('--contenders', name, CONTENDERS)
    const missing = contender.missing()
    if (missing !== null) throw new Error(`${contender.name} is missing: ${missing}`)
    return contender
  })
}

/** @throws Error that names the choices */
function pick<T> (option: string, name: string, choices: Record<string, T>): T {
  if (!Object.hasOwn(choices, name)) {
    throw new Error(`${option} must be one of ${Object.keys(choices).join(', ')}, got ${name}`)
  }
  return choices[name]!
}

function natural (option: string, value: string): number {
  if (!/^[1-9]\d*$/.test(value)) throw new Error(`${option} must be a positive integer, got ${value}`)
  return Number(value)
}
