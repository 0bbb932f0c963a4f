import { once } from 'node:events'
import type { RunningContender } from '../contenders/contender.ts'
import { drawImages, type Image } from '../lib/images.ts'
import { gaps, median, percentile } from '../lib/stats.ts'
import { createRow, eachRound, needLongAnswers, withContenders, type Scenario } from './scenario.ts'

/** Images of 12 megapixels, like photographs of a phone. */
const LARGE = { width: 4000, height: 3000 }
const IMAGES = 4
/** Tokens of the answer before the images are sent. */
const TOKENS_BEFORE = 48
const ANSWER_TOKENS = 7000

/** Gaps in a running answer while another client sends four large images. */
export const tokenGaps: Scenario = {
  title: 'Gaps between the tokens of a running answer while another client sends four images of 12 megapixels',

  async run (bench) {
    needLongAnswers(bench, 'token-gaps')
    const alone = createRow('median gap before that', 'ms')
    const middle = createRow('median gap', 'ms')
    const high = createRow('99th percentile of gaps', 'ms')
    const worst = createRow('largest gap', 'ms')
    const through = createRow('tokens of the running answer in that time', 'tokens')
    const other = createRow('first token for the four images', 'ms')

    await withContenders(bench, 2, running => eachRound(bench, running, bench.rounds, async contender => {
      const images = await drawImages(Array.from({ length: IMAGES }, bench.freshSeed), LARGE)
      const { before, during, firstTokenMs } = await disturb(contender, images)
      alone.add(contender.name, median(before))
      middle.add(contender.name, median(during))
      high.add(contender.name, percentile(during, 0.99))
      worst.add(contender.name, Math.max(...during))
      through.add(contender.name, during.length - 1)
      other.add(contender.name, firstTokenMs)
    }))
    return [alone, middle, high, worst, through, other]
  }
}

/** Gaps in milliseconds before the images are sent, and from then to the first token about them. */
async function disturb (
  { ask }: RunningContender, images: Image[]
): Promise<{ before: number[], during: number[], firstTokenMs: number }> {
  const stop = new AbortController()
  const times: number[] = []
  const flowing = new EventTarget()
  const running = ask({ turns: [{ role: 'user', text: 'Tell me a long story.' }], maxTokens: ANSWER_TOKENS }, {
    signal: stop.signal,
    onText () {
      times.push(performance.now())
      if (times.length === TOKENS_BEFORE) flowing.dispatchEvent(new Event('now'))
    }
  })
  // The abort below is expected. Any other failure ends the round.
  const cutOff = running.then(
    () => { throw new Error('The answer ended before the images were encoded') },
    error => { if (!stop.signal.aborted) throw error }
  )
  await Promise.race([once(flowing, 'now'), cutOff])
  const sent = performance.now()
  const disturbing = ask({ turns: [{ role: 'user', text: 'Describe the pictures.', images }], maxTokens: 1 })
  const { firstTokenMs } = await Promise.race([disturbing, cutOff]) as Awaited<typeof disturbing>
  const end = performance.now()
  stop.abort()
  await cutOff
  const last = times.findLastIndex(time => time <= sent)
  return {
    before: gaps(times.slice(1, last + 1)),
    // The end of the measurement cuts off the last gap.
    during: gaps([...times.slice(last).filter(time => time <= end), end]),
    firstTokenMs
  }
}
