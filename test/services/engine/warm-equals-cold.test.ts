import t, { type Test } from 'tap'
import type { Engine, EngineImage } from '../../../services/engine/engine.ts'
import { createTestEngine } from '../../helper.ts'
import type { Family } from '../../models/families.ts'
import { writeTinyModel } from '../../models/tiny-model.ts'
import { ask, drawNoise, drawQuestions, toRequest, type Answer, type Said } from './conversations.ts'

// On CPUs, an answer after prefix reuse equals the answer of an empty KV cache, token for token. The models are
// chaotic: another last bit of a logit gives another answer. Other answers in the same batch change the last bits of
// products with matrices in 16 or 32 bits, so these models are compared only one answer at a time.

const MAX_TOKENS = 10
const CONVERSATIONS = 40
const IMAGES = 6

interface Asked { said: Said[], warm: Answer }

/** Asks the questions of one conversation in one scope, one after another. */
async function converse (
  engine: Engine, questions: Said[], images: EngineImage[], scope: string, thinkingTokens: number
): Promise<Asked[]> {
  const said: Said[] = []
  const asked: Asked[] = []
  for (const question of questions) {
    said.push(question)
    const warm = await ask(engine, { ...toRequest(said, images, scope, MAX_TOKENS), thinkingTokens })
    asked.push({ said: [...said], warm })
    said.push({ text: warm.text, images: [] })
  }
  return asked
}

async function compareWithCold (
  t: Test, engine: Engine, asked: Asked[], images: EngineImage[], thinkingTokens: number
): Promise<void> {
  for (const [index, { said, warm }] of asked.entries()) {
    const cold = await ask(engine, { ...toRequest(said, images, `cold ${index}`, MAX_TOKENS), thinkingTokens })
    t.equal(cold.cachedTokens, 0)
    t.same(warm.words, cold.words, JSON.stringify(said))
  }
}

interface Comparison {
  family: Family
  type?: 'F16' | 'Q8_0'
  /** Type of the matrices that choose the experts. Real models have F32. */
  routers?: 'F32' | 'Q8_0'
  conversations?: number
  busy?: boolean
  thinkingTokens?: number
}

async function compare (
  t: Test,
  { family, type = 'Q8_0', routers, conversations = CONVERSATIONS, busy = true, thinkingTokens = 0 }: Comparison
): Promise<void> {
  const tiny = await writeTinyModel(t.testdir(), { family, type, ...routers && { routers } })
  const images = await drawNoise(t.testdirName, IMAGES, 6 * tiny.multiple, 4 * tiny.multiple)
  const files = { model: tiny.model, mmproj: tiny.mmproj, threads: 2 }
  const single = await createTestEngine(t, { ...files, slots: 1 })
  const triple = await createTestEngine(t, { ...files, slots: 3 })
  const questions = drawQuestions(conversations, IMAGES, 7)

  const reused = (asked: Asked[]) =>
    asked.filter(({ said, warm }) => said.length > 1 && warm.cachedTokens > warm.promptTokens / 3).length

  await t.test('one at a time', async t => {
    const asked = []
    for (const [index, some] of questions.entries()) {
      asked.push(...await converse(triple, some, images, `one ${index}`, thinkingTokens))
    }
    t.ok(reused(asked) > conversations, `${reused(asked)} of ${asked.length} answers reused their prompt`)
    await compareWithCold(t, single, asked, images, thinkingTokens)
  })

  if (!busy) return
  await t.test('three at a time', async t => {
    const queue = [...questions.entries()]
    const asked: Asked[] = []
    const client = async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        asked.push(...await converse(triple, next[1], images, `three ${next[0]}`, thinkingTokens))
      }
    }
    await Promise.all([client(), client(), client()])
    t.ok(reused(asked) > conversations, `${reused(asked)} of ${asked.length} answers reused their prompt`)
    await compareWithCold(t, single, asked, images, thinkingTokens)
  })
}

t.test('hybrid memory', async t => { await compare(t, { family: 'qwen3.5' }) })
t.test('hybrid memory with experts', async t => {
  await compare(t, { family: 'qwen3.5-moe', routers: 'Q8_0', conversations: 16 })
})
t.test('attention memory', async t => { await compare(t, { family: 'qwen3-vl', conversations: 24 }) })
t.test('attention memory with experts', async t => {
  await compare(t, { family: 'qwen3-vl-moe', routers: 'Q8_0', conversations: 16 })
})
t.test('hybrid memory after thoughts', async t => {
  await compare(t, { family: 'qwen3.5', conversations: 16, thinkingTokens: 8 })
})
t.test('attention memory after thoughts', async t => {
  await compare(t, { family: 'qwen3-vl-thinking', conversations: 16, thinkingTokens: 8 })
})
for (const family of ['qwen3.5-moe', 'qwen3-vl-moe'] as const) {
  t.test(`${family} with real routers, one answer at a time`, async t => {
    await compare(t, { family, routers: 'F32', conversations: 8, busy: false })
  })
}
for (const family of ['qwen3.5', 'qwen3-vl', 'qwen2.5-vl'] as const) {
  t.test(`${family} in 16 bits, one answer at a time`, async t => {
    await compare(t, { family, type: 'F16', conversations: 8, busy: false })
  })
}
