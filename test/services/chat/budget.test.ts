import t from 'tap'
import type { SightlineError } from '../../../errors/catalogue.ts'
import { planBudget, type BudgetInput } from '../../../services/chat/budget.ts'
import { planImages, type PlanBounds } from '../../../services/images/plan.ts'

const BOUNDS: PlanBounds = { multiple: 28, minTokens: 4, maxTokens: 4096, maxSide: 1024, maxPixels: 1_003_520 }
const PHOTO = { width: 4000, height: 3000 }
/** 36 × 27 tokens, when the photo is alone. */
const PHOTO_TOKENS = 972

const input = (changes: Partial<BudgetInput>): BudgetInput => ({
  contextSize: 8192,
  textTokens: 100,
  historyTokens: 0,
  maxTokens: 1024,
  thinkingTokens: 0,
  uploads: [],
  bounds: BOUNDS,
  ...changes
})
const tokensOf = (changes: Partial<BudgetInput>) => planBudget(input(changes)).map(size => size.tokens)

function refusal (changes: Partial<BudgetInput>) {
  try {
    planBudget(input(changes))
  } catch (error) {
    const { code, statusCode, message } = error as SightlineError
    return { code, statusCode, message }
  }
  return { code: 'NONE', statusCode: 200, message: '' }
}

t.test('a request without images has an empty plan', async t => {
  t.strictSame(planBudget(input({})), [])
  t.strictSame(planBudget(input({ maxTokens: 131_072 })), [], 'maxTokens may exceed the context')
})

t.test('images that fit have their full size', async t => {
  t.strictSame(planBudget(input({ uploads: [PHOTO, { width: 56, height: 84 }] })), [
    { width: 1008, height: 756, tokens: PHOTO_TOKENS, scaled: false },
    { width: 56, height: 84, tokens: 6, scaled: false }
  ])
})

t.test('one cell stays empty and one is for the answer', async t => {
  t.strictSame(planBudget(input({ contextSize: 1000, textTokens: 998 })), [])
  t.strictSame(refusal({ contextSize: 1000, textTokens: 999 }), {
    code: 'PROMPT_TOO_LONG',
    statusCode: 413,
    message: 'The conversation needs 999 tokens; the context window has 998, so shorten the conversation'
  })
})

t.test('images of earlier turns count as conversation, because they cannot be resized', async t => {
  t.strictSame(planBudget(input({ contextSize: 2000, historyTokens: 1898 })), [])
  t.match(refusal({ contextSize: 2000, historyTokens: 1899 }), {
    code: 'PROMPT_TOO_LONG', message: /needs 1999 tokens; the context window has 1998,/
  })
  t.match(
    refusal({ contextSize: 2000, historyTokens: 1899, uploads: [PHOTO] }), { code: 'PROMPT_TOO_LONG' },
    'also when there are uploads'
  )
})

t.test('the answer keeps maxTokens cells, and at most a quarter of the context', async t => {
  // 2 cells, 100 tokens of text and the reserve are taken before the images.
  const exact = { textTokens: 100, uploads: [PHOTO] }
  t.strictSame(tokensOf({ ...exact, contextSize: PHOTO_TOKENS + 102 + 50, maxTokens: 50 }), [PHOTO_TOKENS])
  const [smaller] = planBudget(input({ ...exact, contextSize: PHOTO_TOKENS + 102 + 49, maxTokens: 50 }))
  t.ok(smaller!.scaled && smaller!.tokens < PHOTO_TOKENS)

  // floor(1432 / 4) = 358, floor(1431 / 4) = 357: 972 + 102 + 358 = 1432.
  t.strictSame(tokensOf({ ...exact, contextSize: 1432, maxTokens: 131_072 }), [PHOTO_TOKENS])
  t.ok(planBudget(input({ ...exact, contextSize: 1430, maxTokens: 131_072 }))[0]!.scaled)
})

t.test('an image with its own maximum side leaves cells to the others', async t => {
  t.strictSame(tokensOf({ uploads: [{ ...PHOTO, maxSide: 512 }, PHOTO] }), [252, PHOTO_TOKENS])
  // 2 cells, 100 tokens of text and the reserve of 50 are taken before the images.
  const contextSize = 152 + 252 + PHOTO_TOKENS
  t.strictSame(tokensOf({ contextSize, maxTokens: 50, uploads: [{ ...PHOTO, maxSide: 512 }, PHOTO] }), [
    252, PHOTO_TOKENS
  ])
  t.ok(planBudget(
    input({ contextSize: contextSize - 1, maxTokens: 50, uploads: [{ ...PHOTO, maxSide: 512 }, PHOTO] })
  ).every(size => size.scaled))
})

t.test('images that do not fit together are scaled evenly', async t => {
  const sizes = planBudget(input({ contextSize: 4096, uploads: Array.from({ length: 8 }, () => PHOTO) }))
  const tokens = sizes.map(size => size.tokens)
  t.equal(new Set(tokens).size, 1)
  t.ok(sizes.every(size => size.scaled))
  const budget = 4096 - 2 - 100 - 1024
  const total = tokens.reduce((sum, count) => sum + count, 0)
  t.ok(total <= budget && total > budget * 0.9, `${total} of ${budget}`)
})

t.test('the plan equals planImages for the remaining cells', async t => {
  const uploads = [PHOTO, { width: 300, height: 900 }, { width: 800, height: 600 }]
  for (const contextSize of [512, 1024, 2048, 4096]) {
    for (const textTokens of [1, 60, 200]) {
      for (const historyTokens of [0, 100]) {
        for (const maxTokens of [1, 100, 5000]) {
          const left = contextSize - 2 - textTokens - historyTokens - Math.min(maxTokens, contextSize / 4)
          const sizes = planBudget(input({ contextSize, textTokens, historyTokens, maxTokens, uploads }))
          t.strictSame(sizes, planImages(uploads, BOUNDS, left)?.images)
          t.ok(sizes.reduce((sum, size) => sum + size.tokens, 0) <= left)
        }
      }
    }
  }
})

t.test('images that do not fit at their smallest sizes are refused with the tokens they need', async t => {
  const uploads = Array.from({ length: 8 }, () => PHOTO)
  const bounds = { ...BOUNDS, minTokens: 64 }
  const { code, statusCode, message } = refusal({ contextSize: 700, textTokens: 100, maxTokens: 100, uploads, bounds })
  t.strictSame([code, statusCode], ['IMAGES_DO_NOT_FIT', 422])
  const [needed, left] = message.match(/\d+/g)!.map(Number)
  t.equal(left, 700 - 2 - 100 - 100)
  t.ok(needed! >= 8 * 64 && needed! < 8 * 80, `${needed} tokens`)
  t.same(planBudget(input({ contextSize: 202 + needed!, maxTokens: 100, uploads, bounds })).reduce(
    (sum, size) => sum + size.tokens, 0
  ), needed, 'exactly that many tokens suffice')
  t.match(refusal({ contextSize: 201 + needed!, maxTokens: 100, uploads, bounds }), { code: 'IMAGES_DO_NOT_FIT' })
})

t.test('the number of remaining tokens is never negative', async t => {
  t.match(refusal({ contextSize: 1000, textTokens: 990, uploads: [PHOTO] }), {
    code: 'IMAGES_DO_NOT_FIT', message: /; 0 are left in the context,/
  })
})
