import { drawPictures } from '../lib/pictures.ts'
import { createRow, eachRound, withContenders, type Scenario } from './scenario.ts'

const ANSWER_TOKENS = 4

/**
 * A picture that was seen before, in a new conversation with other words before it: nothing of the KV cache can be used again, only
 * what the projector made of the picture.
 */
export const repeatedPicture: Scenario = {
  title: 'The first token for a picture that was seen before, in a new conversation',

  async run (bench) {
    const first = createRow('new picture', 'ms')
    const repeated = createRow('repeated, other words before it', 'ms')

    await withContenders(bench, 1, running => eachRound(bench, running, bench.rounds, async ({ name, ask }, round) => {
      const pictures = await drawPictures([bench.freshSeed()], bench.model.picture)
      const turns = [{ role: 'user' as const, text: 'Describe the picture.', pictures }]
      const before = await ask({ system: `${2 * round} answers were given before this one.`, turns, maxTokens: ANSWER_TOKENS })
      first.add(name, before.firstTokenMs)
      const after = await ask({ system: `Before this one there were ${2 * round + 1} others.`, turns, maxTokens: ANSWER_TOKENS })
      repeated.add(name, after.firstTokenMs)
    }))
    return [first, repeated]
  }
}
