import type { Contender, RunningContender, StartOptions } from '../contenders/contender.ts'
import type { BenchModel } from '../lib/models.ts'
import { drawImage } from '../lib/images.ts'

export interface Bench {
  contenders: readonly Contender[]
  model: BenchModel
  /** Number of repetitions. A scenario with long runs may do fewer. */
  rounds: number
  threads: number
  gpu: StartOptions['gpu']
  /** Folder of an earlier checkout with a build, for scenarios that compare this service with it. */
  before: string | null
  /** A new seed on each call. An image drawn from it is new to every contender. */
  freshSeed (): number
  /** Shows progress. */
  log (message: string): void
}

/** A measure, with the values of all rounds by contender. */
export interface Row {
  measure: string
  unit: 'ms' | 'tokens/s' | 'requests/s' | 'MB' | 'tokens'
  values: Record<string, number[]>
}

export interface Scenario {
  /** Heading of the table. */
  title: string
  /** Measures and returns the rows. A contender that is not measured does not appear in them. */
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
 * Starts all contenders with the same files, slots, context size and threads, and warms each up with one question.
 * While one is measured, the others are idle. All are stopped at the end.
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

/** Rotates the order from round to round, so that a drift of the machine favours no contender. */
export function rotated<T> (items: readonly T[], round: number): T[] {
  return items.map((_, i) => items[(round + i) % items.length]!)
}

/** Measures each contender in each round. */
export async function eachRound<C extends RunningContender> (
  bench: Bench, running: readonly C[], rounds: number, measure: (contender: C, round: number) => Promise<void>
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const contender of rotated(running, round)) {
      bench.log(`round ${round + 1} of ${rounds}: ${contender.name}`)
      await measure(contender, round)
    }
  }
}

/** @throws Error for the demo model, whose answers are short */
export function needLongAnswers ({ model }: Bench, scenario: string): void {
  if (!model.endless) {
    throw new Error(`${scenario} needs a model with endless answers: --model small or 2b`)
  }
}

async function warmUp (bench: Bench, contender: RunningContender): Promise<void> {
  const image = await drawImage(bench.freshSeed(), bench.model.image)
  await contender.ask({ turns: [{ role: 'user', text: 'What is this?', images: [image] }], maxTokens: 4 })
}
