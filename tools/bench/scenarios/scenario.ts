import type { Contender, RunningContender, StartOptions } from '../contenders/contender.ts'
import type { BenchModel } from '../lib/models.ts'
import { drawImage } from '../lib/images.ts'

export interface Bench {
  contenders: readonly Contender[]
  model: BenchModel
  /** Repetitions; a scenario whose runs are long may do fewer. */
  rounds: number
  threads: number
  gpu: StartOptions['gpu']
  /** Folder of another checkout that is built, for the scenarios that compare this service with an earlier one. */
  before: string | null
  /** Seeds that nobody has used yet in this run, one for each call: an image drawn from it is new to every contender. */
  freshSeed (): number
  /** Tells the person who waits. */
  log (message: string): void
}

/** One measure: for each contender by name, a value for each round. */
export interface Row {
  measure: string
  unit: 'ms' | 'tokens/s' | 'requests/s' | 'MB' | 'tokens'
  values: Record<string, number[]>
}

export interface Scenario {
  /** One line for the table's head. */
  title: string
  /** Contenders that do not take part in a scenario are left out of its rows. */
  run (bench: Bench): Promise<Row[]>
}

/** Collects values under their contender's name. */
export function createRow (
  measure: string, unit: Row['unit']
): Row & { add (name: string, ...values: number[]): void } {
  const values: Record<string, number[]> = {}
  return {
    measure,
    unit,
    values,
    add (name, ...more) { (values[name] ??= []).push(...more) }
  }
}

/**
 * Starts every contender on the same files with the same slots, context and threads, warms each up with one question, and stops all
 * of them at the end. They stand idle while another one is measured.
 */
export async function withContenders<T> (
  bench: Bench, slots: number, use: (running: RunningContender[]) => Promise<T>
): Promise<T> {
  const { model, mmproj, contextSize, imageTokens } = bench.model
  const running: RunningContender[] = []
  try {
    for (const contender of bench.contenders) {
      bench.log(`starting ${contender.name} with ${slots} slots`)
      const started = await contender.start({
        model, mmproj, slots, contextSize, threads: bench.threads, gpu: bench.gpu, imageTokens
      })
      running.push(started)
      await warmUp(bench, started)
    }
    return await use(running)
  } finally {
    await Promise.all(running.map(contender => contender.stop()))
  }
}

/** Who comes first changes from round to round, so that a drift of the machine favours nobody. */
export function rotated<T> (items: readonly T[], round: number): T[] {
  return items.map((_, i) => items[(round + i) % items.length]!)
}

/** Measures each contender in each round. */
export async function eachRound (
  bench: Bench, running: readonly RunningContender[], rounds: number,
  measure: (contender: RunningContender, round: number) => Promise<void>
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const contender of rotated(running, round)) {
      bench.log(`round ${round + 1} of ${rounds}: ${contender.name}`)
      await measure(contender, round)
    }
  }
}

/** @throws Error for the embedded model, whose answers are a few words long */
export function needLongAnswers ({ model }: Bench, scenario: string): void {
  if (!model.endless) {
    throw new Error(`${scenario} needs a model that answers as long as it is asked to: --model small or 2b`)
  }
}

async function warmUp (bench: Bench, contender: RunningContender): Promise<void> {
  const image = await drawImage(bench.freshSeed(), bench.model.image)
  await contender.ask({ turns: [{ role: 'user', text: 'What is this?', images: [image] }], maxTokens: 4 })
}
