import t from 'tap'
import {
  fit, planImages, smallestTokens, type PlanBounds, type PlanImage, type Size
} from '../../../services/images/plan.ts'
import { generator } from '../../../tools/lib/random.ts'

const QWEN2: PlanBounds = { multiple: 28, minTokens: 4, maxTokens: 4096, maxSide: 1024, maxPixels: 1_003_520 }
const QWEN3: PlanBounds = { multiple: 32, minTokens: 8, maxTokens: 1280, maxSide: 1024, maxPixels: 1_003_520 }
const DEMO: PlanBounds = { multiple: 28, minTokens: 16, maxTokens: 36, maxSide: 1024, maxPixels: 1_003_520 }
const ALL = [QWEN2, QWEN3, DEMO]

/** Sides from 1 to 12,000 pixels on a logarithmic scale, with ratios up to 200:1. */
function randomSize (random: () => number): Size {
  const width = Math.ceil(12_000 ** random())
  const ratio = 200 ** (random() * 2 - 1)
  return {
    width, height: Math.max(1, Math.ceil(width / 200), Math.min(12_000, width * 200, Math.round(width * ratio)))
  }
}

t.test('returns the sizes of smart_resize of Qwen2-VL', async t => {
  // width, height, multiple, min tokens, max tokens, and the size that the Python code of transformers returns
  const cases = [
    [640, 480, 28, 4, 1280, 644, 476],
    [1920, 1080, 28, 4, 1280, 1316, 728],
    [4032, 3024, 28, 4, 1280, 1148, 840],
    [70, 42, 28, 4, 1280, 56, 56],
    [1, 1, 28, 4, 1280, 56, 56],
    [30, 5000, 28, 4, 1280, 28, 5012],
    [333, 777, 28, 4, 1280, 336, 784],
    [8000, 90, 28, 4, 1280, 8008, 84],
    [640, 480, 32, 8, 1280, 640, 480],
    [1920, 1080, 32, 8, 1280, 1504, 832],
    [70, 42, 32, 8, 1280, 128, 96],
    [1008, 756, 32, 8, 1280, 1024, 768],
    [640, 480, 28, 16, 36, 168, 140],
    [1, 1, 28, 16, 36, 112, 112],
    [333, 777, 28, 16, 36, 84, 252]
  ] as const
  for (const [width, height, multiple, minTokens, maxTokens, expectedWidth, expectedHeight] of cases) {
    const bounds = { multiple, minTokens, maxTokens, maxSide: 10_000, maxPixels: 1e9 }
    const size = fit(width, height, bounds)
    t.same([size.width, size.height], [expectedWidth, expectedHeight], `${width} x ${height} by ${multiple}`)
  }
})

t.test('keeps an image whose sides are multiples within bounds', async t => {
  t.same(fit(1008, 756, QWEN2), { width: 1008, height: 756, tokens: 972 })
  t.same(fit(56, 56, QWEN2), { width: 56, height: 56, tokens: 4 })
})

t.test('rounds the longest side down to the multiple', async t => {
  t.same(fit(4000, 3000, QWEN2), { width: 1008, height: 756, tokens: 972 })
  t.same(fit(4000, 3000, QWEN3), { width: 1024, height: 768, tokens: 768 })
})

t.test('enlarges an image below minTokens', async t => {
  t.same(fit(10, 10, DEMO), { width: 112, height: 112, tokens: 16 })
})

t.test('upper bounds take precedence over minTokens', async t => {
  t.same(fit(8000, 40, DEMO), { width: 1008, height: 28, tokens: 36 })
  t.same(fit(10, 10, { ...DEMO, minTokens: 10, maxTokens: 10 }), { width: 84, height: 84, tokens: 9 })
  t.same(fit(10, 10, { ...DEMO, maxSide: 56 }), { width: 56, height: 56, tokens: 4 })
  t.same(
    fit(500, 500, { ...DEMO, maxSide: 1, maxPixels: 1 }), { width: 28, height: 28, tokens: 1 }, 'never a side of 0'
  )
})

t.test('keeps all bounds and almost the ratio for any size', async t => {
  const random = generator(1)
  for (let i = 0; i < 6000; i++) {
    const bounds = ALL[i % ALL.length]!
    const { multiple } = bounds
    const { width, height } = randomSize(random)
    const size = fit(width, height, bounds)
    const columns = size.width / multiple
    const rows = size.height / multiple
    const ideal = Math.sqrt(size.tokens * width / height)
    const good = Number.isInteger(columns) && Number.isInteger(rows) && columns >= 1 && rows >= 1 &&
      Math.max(size.width, size.height) <= bounds.maxSide && size.width * size.height <= bounds.maxPixels &&
      size.tokens === columns * rows && size.tokens >= bounds.minTokens && size.tokens <= bounds.maxTokens &&
      // Rounding moves a side by less than one token, which is much for a side of one or two tokens.
      (Math.min(columns, rows) < 3 || Math.abs(columns - ideal) <= 1 + columns / 3)
    if (!good) return t.fail(`${width} x ${height} with ${JSON.stringify(bounds)} became ${JSON.stringify(size)}`)
  }
  t.pass('6000 sizes')
})

t.test('does not scale images while the budget allows it', async t => {
  const images = [{ width: 4000, height: 3000 }, { width: 300, height: 300 }]
  t.same(planImages(images, QWEN2, 2000), {
    images: [
      { width: 1008, height: 756, tokens: 972, scaled: false },
      { width: 308, height: 308, tokens: 121, scaled: false }
    ],
    tokens: 1093,
    scaled: false
  })
  t.same(planImages([], QWEN2, 0), { images: [], tokens: 0, scaled: false })
  t.same(planImages([], QWEN2, -5), { images: [], tokens: 0, scaled: false })
})

t.test('scales equal images equally', async t => {
  const plan = planImages(Array(4).fill({ width: 2000, height: 1500 }), QWEN2, 2000)
  t.equal(plan?.scaled, true)
  t.equal(new Set(plan?.images.map(image => `${image.width}x${image.height}`)).size, 1)
  t.ok(plan!.tokens > 1700, `${plan!.tokens} of 2000 tokens are used`)
})

t.test('scales large and small images by one factor', async t => {
  const plan = planImages([{ width: 4000, height: 3000 }, { width: 560, height: 420 }], QWEN2, 500)
  const [large, small] = plan!.images
  t.ok(Math.abs(large!.tokens / 972 - small!.tokens / 300) < 0.1, `${large!.tokens} of 972, ${small!.tokens} of 300`)
})

t.test('limits the longest side of a single image below the common limit', async t => {
  const photo = { width: 4000, height: 3000 }
  const sizes = (images: PlanImage[], budget = 10_000) => planImages(images, QWEN2, budget)!.images
  t.same(sizes([{ ...photo, maxSide: 512 }, photo]), [
    // 18 columns x 28 = 504, and 3/4 of 18 columns are 13.5 rows, rounded half to even.
    { width: 504, height: 392, tokens: 18 * 14, scaled: false },
    { width: 1008, height: 756, tokens: 972, scaled: false }
  ])
  t.same(sizes([{ ...photo, maxSide: 512 }]).map(({ width, height, tokens }) => ({ width, height, tokens })), [
    fit(4000, 3000, { ...QWEN2, maxSide: 512 })
  ])
  t.same(sizes([{ ...photo, maxSide: 5000 }]), sizes([photo]), 'never above the common limit')
  t.same(
    sizes([{ width: 280, height: 140, maxSide: 512 }]), sizes([{ width: 280, height: 140 }]),
    'a smaller image is not changed'
  )
  t.same(sizes([{ ...photo, maxSide: 1 }]), [{ width: 28, height: 28, tokens: 1, scaled: false }], 'never a side of 0')
})

t.test('scales an image with its own longest side by the common factor', async t => {
  const images: PlanImage[] = [{ width: 4000, height: 3000, maxSide: 512 }, { width: 4000, height: 3000 }]
  const plan = planImages(images, QWEN2, 600)!
  const [small, large] = plan.images
  t.ok(plan.tokens <= 600 && plan.tokens > 500, `${plan.tokens} tokens`)
  t.ok(small!.scaled && large!.scaled)
  t.ok(Math.abs(small!.tokens / 252 - large!.tokens / 972) < 0.1, `${small!.tokens} of 252, ${large!.tokens} of 972`)
  t.equal(planImages(images, QWEN2, 252 + 972)!.scaled, false)
  t.equal(planImages(images, QWEN2, 252 + 971)!.scaled, true)
})

t.test('returns null if the smallest sizes do not fit', async t => {
  const images = Array(5).fill({ width: 800, height: 600 })
  const least = smallestTokens(images, QWEN3)
  t.equal(planImages(images, QWEN3, least)?.tokens, least)
  t.equal(planImages(images, QWEN3, least - 1), null)
  t.equal(planImages(images, QWEN3, -1), null)
})

t.test('keeps the budget and the bounds for any images', async t => {
  const random = generator(2)
  for (let i = 0; i < 1200; i++) {
    const bounds = ALL[i % ALL.length]!
    const images = Array.from({ length: 1 + Math.floor(random() * 8) }, (_, k): PlanImage =>
      ({ ...randomSize(random), ...(i + k) % 3 === 0 && { maxSide: Math.ceil(2000 * random()) } }))
    const alone = images.map(({ width, height, maxSide = Infinity }) =>
      fit(width, height, { ...bounds, maxSide: Math.min(maxSide, bounds.maxSide) }))
    const all = alone.reduce((sum, size) => sum + size.tokens, 0)
    const least = smallestTokens(images, bounds)
    const budget = Math.floor(random() * all * 1.1)
    const plan = planImages(images, bounds, budget)
    const fail = (why: string) => t.fail(`${why}: ${JSON.stringify({ images, bounds, budget, least, plan })}`)

    if (plan === null) {
      if (budget >= least) return fail('refused what fits')
      continue
    }
    if (budget < least || plan.tokens > budget) return fail('over the budget')
    if (plan.scaled !== (all > budget)) return fail('wrong flag')
    for (const [k, image] of plan.images.entries()) {
      const { width, height } = alone[k]!
      if (Math.max(image.width, image.height) > Math.max(bounds.multiple, images[k]!.maxSide ?? bounds.maxSide)) {
        return fail('longer than its limit')
      }
      if (image.width % bounds.multiple !== 0 || image.height % bounds.multiple !== 0) return fail('not a multiple')
      if (image.tokens !== image.width * image.height / bounds.multiple ** 2) return fail('wrong tokens')
      // The longest side of a single image takes precedence over minTokens.
      const fewest = images[k]!.maxSide === undefined ? bounds.minTokens : Math.min(bounds.minTokens, alone[k]!.tokens)
      if (image.tokens < fewest || image.width > width || image.height > height) return fail('out of bounds')
      if (image.scaled !== (image.tokens < alone[k]!.tokens)) return fail('wrong flag of one')
    }
    const more = planImages(images, bounds, budget + 50)
    if (more === null || more.images.some((image, k) => image.tokens < plan.images[k]!.tokens)) {
      return fail('not monotonic')
    }
  }
  t.pass('1200 sets of images')
})
