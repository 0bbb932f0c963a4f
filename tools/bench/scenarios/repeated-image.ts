import { drawImages } from '../lib/images.ts'
import { createRow, eachRound, withContenders, type Scenario } from './scenario.ts'

const ANSWER_TOKENS = 4

/**
 * A known image in a new conversation with another text before it: only the image's embedding can be reused, nothing of
 * the KV cache.
 */
export const repeatedImage: Scenario = {
  title: 'Time to the first token for a known image in a new conversation',

  async run (bench) {
    const first = createRow('new image', 'ms')
    const repeated = createRow('repeated, other text before it', 'ms')

    await withContenders(bench, 1, running => eachRound(bench, running, bench.rounds, async ({ name, ask }, round) => {
      const images = await drawImages([bench.freshSeed()], bench.model.image)
      const turns = [{ role: 'user' as const, text: 'Describe the picture.', images }]
      const before =
        await ask({ system: `${2 * round} answers were given before this one.`, turns, maxTokens: ANSWER_TOKENS })
      first.add(name, before.firstTokenMs)
      const after =
        await ask({ system: `Before this one there were ${2 * round + 1} others.`, turns, maxTokens: ANSWER_TOKENS })
      repeated.add(name, after.firstTokenMs)
    }))
    return [first, repeated]
  }
}
