import type { Token } from 'node-llama-cpp'
import t from 'tap'
import { planPrefill, sliceOf, type PrefillStep } from '../../../../services/engine/worker/prefill-plan.ts'
import type { Segment } from '../../../../services/engine/worker/prompt.ts'

const TURN = 100 as Token
const text = (...tokens: number[]): Segment => ({ type: 'text', tokens: tokens as Token[] })
const image = (index: number): Segment => ({ type: 'image', image: index })
const checkpoint = (place: string): PrefillStep => ({ type: 'checkpoint', place } as PrefillStep)

t.test('without checkpoints, only the tail is split off', async t => {
  t.same(planPrefill([text(1, 2), image(0), text(3, 4, 5, 6, 7)], 3, null), {
    steps: [text(1, 2), image(0), text(3, 4)], tail: [5, 6, 7]
  })
  t.same(planPrefill([text(1, 2)], 8, null), { steps: [], tail: [1, 2] })
})

t.test('checkpoints are behind the last image, before the last turn and before the answer', async t => {
  const rest = [text(100, 1), image(0), text(2), image(1), text(3, 100, 4, 100, 5, 100, 6, 7)]
  t.same(planPrefill(rest, 8, TURN), {
    steps: [
      text(100, 1), image(0), text(2), image(1), checkpoint('image'), text(3, 100, 4), checkpoint('turn'),
      text(100, 5), checkpoint('answer')
    ],
    tail: [100, 6, 7]
  })
})

t.test('images of the last turn follow its checkpoint', async t => {
  t.same(planPrefill([text(100, 1, 100), image(2), text(2, 100, 3)], 8, TURN), {
    steps: [
      text(100, 1), checkpoint('turn'), text(100), image(2), checkpoint('image'), text(2), checkpoint('answer')
    ],
    tail: [100, 3]
  })
})

t.test('a long beginning of the answer is not evaluated in one step', async t => {
  t.same(planPrefill([text(100, 1, 100, 2, 3, 4, 5)], 2, TURN), {
    steps: [checkpoint('turn'), text(100, 1), checkpoint('answer'), text(100, 2, 3)], tail: [4, 5]
  })
})

t.test('the rest can begin with the turn of the answer, or within it', async t => {
  t.same(planPrefill([text(100, 2, 3)], 8, TURN), { steps: [checkpoint('answer')], tail: [100, 2, 3] })
  t.same(planPrefill([text(2, 3)], 8, TURN), { steps: [], tail: [2, 3] })
})

t.test('a prompt that ends with an image is an error', async t => {
  t.throws(() => planPrefill([text(1), image(0)], 8, TURN), { message: /ends with an image/ })
})

t.test('no slice leaves one token behind', async t => {
  t.equal(sliceOf(20, 16), 16)
  t.equal(sliceOf(17, 16), 15)
  t.equal(sliceOf(16, 16), 16)
  t.same(planPrefill([text(1, 2, 3, 4)], 3, null), { steps: [text(1, 2)], tail: [3, 4] })
})
