import type { Measured, RunningContender } from '../contenders/contender.ts'
import { drawImages } from '../lib/images.ts'
import { createRow, eachRound, withContenders, type Bench, type Scenario } from './scenario.ts'

const CLIENTS = 3
const IMAGES = 3
const ANSWER_TOKENS = 32

/** Three questions about three new images each, sequentially and in parallel. */
export const sideBySide: Scenario = {
  title: 'Three requests with three images each, sequentially and in parallel',

  async run (bench) {
    const sequential = createRow('sequential', 'ms')
    const together = createRow('parallel', 'ms')

    await withContenders(bench, CLIENTS, running => eachRound(bench, running, bench.rounds, async contender => {
      const questions = await Promise.all(Array.from({ length: CLIENTS }, () => prepare(bench, contender)))
      sequential.add(contender.name, await timed(async () => { for (const ask of questions) await ask() }))
      const others = await Promise.all(Array.from({ length: CLIENTS }, () => prepare(bench, contender)))
      together.add(contender.name, await timed(() => Promise.all(others.map(ask => ask()))))
    }))
    return [sequential, together]
  }
}

async function prepare (bench: Bench, { ask }: RunningContender): Promise<() => Promise<Measured>> {
  const images = await drawImages(Array.from({ length: IMAGES }, bench.freshSeed), bench.model.image)
  return () => ask({ turns: [{ role: 'user', text: 'Describe the images.', images }], maxTokens: ANSWER_TOKENS })
}

async function timed (run: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await run()
  return performance.now() - started
}
