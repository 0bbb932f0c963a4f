import t, { type Test } from 'tap'
import type { Engine, EngineImage } from '../../../services/engine/engine.ts'
import { createTestEngine } from '../../helper.ts'
import type { Family } from '../../models/families.ts'
import { writeTinyModel } from '../../models/tiny-model.ts'
import { ask, drawNoise, drawQuestions, toRequest, type Answer, type Said } from './conversations.ts'

// On CPUs, an answer after prefix reuse equals the answer of an empty KV cache, token for token. The models are
// chaotic: another last bit of a logit gives another answer.

const MAX_TOKENS = 10
const CONVERSATIONS = 40
const IMAGES = 6

interface Asked { said: Said[], warm: Answer }

/** Asks the questions of one conversation in one scope, one after another. */
async function converse (
  engine: Engine, questions: Said[], images: EngineImage[], scope: string
): Promise<Asked[]> {
  const said: Said[] = []
  const asked: Asked[] = []
  for (const question of questions) {
    said.push(question)
    const warm = await ask(engine, toRequest(said, images, scope, MAX_TOKENS))
    asked.push({ said: [...said], warm })
    said.push({ text: warm.text, images: [] })
  }
  return asked
}

async function compareWithCold (t: Test, engine: Engine, asked: Asked[], images: EngineImage[]): Promise<void> {
  for (const [index, { said, warm }] of asked.entries()) {
    const cold = await ask(engine, toRequest(said, images, `cold ${index}`, MAX_TOKENS))
    t.equal(cold.cachedTokens, 0)
    t.same(warm.words, cold.words, JSON.stringify(said))
  }
}

async function test (t: Test, family: Family, type: 'F32' | 'F16' | 'Q8_0', conversations = CONVERSATIONS) {
  const tiny = await writeTinyModel(t.testdir(), { family, type, layers: 8 })
  const images = await drawNoise(t.testdirName, IMAGES, 6 * tiny.multiple, 4 * tiny.multiple)
  const files = { model: tiny.model, mmproj: tiny.mmproj, threads: 2, imageMaxTokens: 24 }
  const single = await createTestEngine(t, { ...files, slots: 1 })
  const triple = await createTestEngine(t, { ...files, slots: 3 })
  const questions = drawQuestions(conversations, IMAGES, 7)

  const reused = (asked: Asked[]) =>
    asked.filter(({ said, warm }) => said.length > 1 && warm.cachedTokens > warm.promptTokens / 3).length

  await t.test('one at a time', async t => {
    const asked = []
    for (const [index, some] of questions.entries()) asked.push(...await converse(triple, some, images, `one ${index}`))
    t.ok(reused(asked) > conversations, `${reused(asked)} of ${asked.length} answers reused their prompt`)
    await compareWithCold(t, single, asked, images)
  })

  await t.test('three at a time', async t => {
    const queue = [...questions.entries()]
    const asked: Asked[] = []
    const client = async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        asked.push(...await converse(triple, next[1], images, `three ${next[0]}`))
      }
    }
    await Promise.all([client(), client(), client()])
    t.ok(reused(asked) > conversations, `${reused(asked)} of ${asked.length} answers reused their prompt`)
    await compareWithCold(t, single, asked, images)
  })
}

t.test('hybrid memory, Q8_0', async t => { await test(t, 'qwen3.5', 'Q8_0') })
t.test('hybrid memory with experts, Q8_0', async t => { await test(t, 'qwen3.5-moe', 'Q8_0') })
t.test('attention memory, Q8_0', async t => { await test(t, 'qwen3-vl', 'Q8_0') })
t.test('attention memory with experts, Q8_0', async t => { await test(t, 'qwen3-vl-moe', 'Q8_0') })
t.test('hybrid memory, F16', async t => { await test(t, 'qwen3.5', 'F16', 12) })
t.test('attention memory, F16', async t => { await test(t, 'qwen3-vl', 'F16', 12) })
