import { drawImages } from '../lib/images.ts'
import { createRow, eachRound, withContenders, type Scenario } from './scenario.ts'

const ANSWER_TOKENS = 16

/**
 * Time to the first token on an idle server that has not seen the images, and for a second question about the same four
 * images in the same conversation.
 */
export const firstToken: Scenario = {
  title: 'Time to the first token, also of a second question about the same images',

  async run (bench) {
    const one = createRow('cold, 1 image', 'ms')
    const four = createRow('cold, 4 images', 'ms')
    const again = createRow('second question about those 4', 'ms')
    const reused = createRow('prompt tokens not evaluated again', 'tokens')

    await withContenders(bench, 1, running => eachRound(bench, running, bench.rounds, async ({ name, ask }) => {
      const single = await drawImages([bench.freshSeed()], bench.model.image)
      const alone = await ask({
        turns: [{ role: 'user', text: 'Describe the picture.', images: single }], maxTokens: ANSWER_TOKENS
      })
      one.add(name, alone.firstTokenMs)

      const images = await drawImages(Array.from({ length: 4 }, bench.freshSeed), bench.model.image)
      const question = { role: 'user' as const, text: 'Describe the pictures.', images }
      const first = await ask({ turns: [question], maxTokens: ANSWER_TOKENS })
      four.add(name, first.firstTokenMs)

      const second = await ask({
        turns: [question, { role: 'assistant', text: first.text }, { role: 'user', text: 'What is in picture 2?' }],
        maxTokens: ANSWER_TOKENS
      })
      again.add(name, second.firstTokenMs)
      reused.add(name, second.cachedTokens)
    }))
    return [one, four, again, reused]
  }
}
