import { readdirSync } from 'node:fs'
import path from 'node:path'
import { getLlama } from 'node-llama-cpp'
import t from 'tap'
import { DEMO } from '../../models/presets.ts'
import { ROOT } from '../../config/root.ts'
import type { GenerateRequest, Part } from '../../services/engine/engine.ts'
import { createPromptRenderer } from '../../services/engine/worker/prompt.ts'
import { createTestEngine } from '../helper.ts'
import { drawCases } from './cases.ts'
import { askReference, prepareExample, type ReferenceCase } from './reference.ts'

const CASES = 120
const SEED = 20_260

/** Converts a case to a request of the engine. */
function toRequest ({ messages, images, maxTokens }: ReferenceCase): GenerateRequest {
  let next = 0
  const toParts = (content: string): Part[] => content.split('<__media__>').flatMap((text, index): Part[] =>
    index === 0 ? [{ type: 'text', text }] : [{ type: 'image', image: next++ }, { type: 'text', text }])
  return {
    turns: messages.map(({ role, content }) => ({ role, parts: toParts(content) })),
    scope: '',
    tools: [],
    images: images.map(({ id, png, width, height }) =>
      ({ id, file: async () => png, original: { width, height }, width, height })),
    maxTokens,
    stop: [],
    grammar: null,
    sampling: { temperature: 0 }
  }
}

const dir = t.testdir()
const examples = readdirSync(path.join(ROOT, 'models/demo/examples')).filter(file => !file.endsWith('.json'))
const images = await Promise.all(examples.map((file, index) => prepareExample(dir, index, file)))
const cases = drawCases(CASES, images, SEED)
const expected = await askReference(cases, 1)

t.test('prompts equal those of llama.cpp, token for token', async t => {
  const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true })
  t.teardown(() => llama.dispose())
  const model = await llama.loadModel({ modelPath: path.join(ROOT, DEMO.model) })
  const prompts = createPromptRenderer(model, true)
  // llama.cpp obeys control tokens that a user types. The service does not, so these prompts differ.
  const comparable = cases.map((it, index) => ({ it, index })).filter(({ it }) =>
    it.messages.every(message => !message.content.includes('<|')))
  t.ok(comparable.length >= 100)
  for (const { it, index } of comparable) {
    const request = toRequest(it)
    const tokens = prompts.render(request.turns, request.tools).flatMap(segment => segment.type === 'text'
      ? segment.tokens as number[]
      : new Array<number>(it.images[segment.image]!.width * it.images[segment.image]!.height / 28 ** 2).fill(-1))
    t.same(tokens, expected[index]!.prompt, `prompt ${index}`)
  }
})

t.test('answers equal those of llama.cpp\'s own helpers', async t => {
  const engine = await createTestEngine(t)

  async function ask (index: number): Promise<{ text: string, count: number }> {
    let text = ''
    let count = 0
    for await (const event of engine.generate(toRequest(cases[index]!), new AbortController().signal)) {
      if (event.type === 'token') text += event.text
      if (event.type === 'done') count = event.usage.completionTokens
    }
    return { text, count }
  }

  const comparable = cases.map((_, index) => index).filter(index =>
    cases[index]!.messages.every(message => !message.content.includes('<|')))
  const wanted = (index: number) => ({ text: expected[index]!.text, count: expected[index]!.tokens.length })

  await t.test('one at a time', async t => {
    for (const index of comparable) t.same(await ask(index), wanted(index), `prompt ${index}`)
  })

  await t.test('three at a time', async t => {
    const queue = [...comparable]
    const client = async () => {
      for (let index = queue.shift(); index !== undefined; index = queue.shift()) {
        t.same(await ask(index), wanted(index), `prompt ${index}`)
      }
    }
    await Promise.all([client(), client(), client()])
  })
})
