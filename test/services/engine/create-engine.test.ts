import t from 'tap'
import { visionOf } from '../../../services/engine/create-engine.ts'

const vision = (
  engineImageMultiple: number, imageMinTokens: number | null = null, imageMaxTokens: number | null = null
) => visionOf({ engineImageMultiple, imageMinTokens, imageMaxTokens })

t.test('the image sizes of an upstream follow from ENGINE_IMAGE_MULTIPLE', async t => {
  t.same(vision(28), { multiple: 28, minTokens: 8, maxTokens: 4096, coordinates: 'pixels' })
  t.same(vision(32), { multiple: 32, minTokens: 64, maxTokens: 4096, coordinates: 'grid1000' })
  t.equal(vision(0), null)
})

t.test('IMAGE_MIN_TOKENS and IMAGE_MAX_TOKENS override the defaults and never contradict each other', async t => {
  t.match(vision(32, 16, 1280), { minTokens: 16, maxTokens: 1280 })
  t.match(vision(32, null, 36), { minTokens: 36, maxTokens: 36 })
  t.match(vision(28, 5000), { minTokens: 5000, maxTokens: 5000 })
})
