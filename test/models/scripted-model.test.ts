import { getLlama } from 'node-llama-cpp'
import t, { type Test } from 'tap'
import type { Part } from '../../services/engine/engine.ts'
import { createTestEngine } from '../helper.ts'
import { prepareExample } from '../native/reference.ts'
import { FAMILIES, type Family } from './families.ts'
import { PLAIN, WITHOUT_THOUGHTS, WITH_THOUGHTS, writeScriptedModel, type Script } from './scripted-model.ts'
import { tokenize } from './tokenizer.ts'
import { vocabularyOf, type TinyModel } from './tiny-model.ts'

const dir = t.testdir()

/** Asks the real engine a question about an image. */
async function answerOf (t: Test, model: TinyModel, maxTokens = 200): Promise<{ text: string, reason: string }> {
  const engine = await createTestEngine(t, { model: model.model, mmproj: model.mmproj, threads: 1 })
  const { id, png, width, height } = await prepareExample(dir, 0, '00.png', model)
  const parts: Part[] = [{ type: 'image', image: 0 }, { type: 'text', text: 'What is in the picture?' }]
  let [text, reason] = ['', '']
  for await (const event of engine.generate({
    turns: [{ role: 'user', parts }],
    scope: '',
    tools: [],
    images: [{ id, file: async () => png, original: { width, height }, width, height }],
    maxTokens,
    stop: [],
    grammar: null,
    sampling: { temperature: 1 }
  }, new AbortController().signal)) {
    if (event.type === 'token') text += event.text
    if (event.type === 'done') reason = event.finishReason
  }
  return { text, reason }
}

const POEM = 'A red circle, a red square and a red heart on a white background: 描述图片, "quoted" 🙂.\n\nEnd.'

for (const family of Object.keys(FAMILIES) as Family[]) {
  // The engine ends the thoughts of a model that always thinks with the same text.
  const after = family.startsWith('qwen3.') || family === 'qwen3-vl-thinking' ? WITHOUT_THOUGHTS : PLAIN
  t.test(`a scripted ${family} says its text`, async t => {
    const model = await writeScriptedModel(dir, { family, scripts: [{ after, say: POEM }] })
    t.same(await answerOf(t, model), { text: POEM, reason: 'stop' })
  })
}

const write = (scripts: Script[]) => writeScriptedModel(dir, { family: 'qwen3.5', scripts })

t.test('thoughts and calls are special tokens of the answer', async t => {
  const call = '<tool_call>\n<function=look>\n<parameter=at>\n"a"\n</parameter>\n</function>\n</tool_call>'
  const say = `I must look.\n</think>\n\nSo I look.\n${call}`
  const model = await write([{ after: WITH_THOUGHTS, say }, { after: WITHOUT_THOUGHTS, say: 'A circle.' }])
  t.same(await answerOf(t, model), { text: 'A circle.', reason: 'stop' }, 'thoughts are off')

  const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true })
  t.teardown(() => llama.dispose())
  const loaded = await llama.loadModel({ modelPath: model.model })
  const sequence = (await loaded.createContext({ contextSize: 256, threads: 1 })).getSequence()
  const tokens = []
  for await (const token of sequence.evaluate(loaded.tokenize('<|im_start|>assistant\n<think>\n', true), {
    temperature: 0
  })) {
    if (loaded.isEogToken(token)) break
    tokens.push(token)
  }
  t.equal(loaded.detokenize(tokens, true), say)
  for (const special of ['</think>', '<tool_call>', '</tool_call>']) {
    t.equal(tokens.filter(token => token === loaded.tokenize(special, true)[0]).length, 1, special)
  }
})

t.test('an answer may contain several calls', async t => {
  const call = (at: string) =>
    `<tool_call>\n<function=look>\n<parameter=at>\n${at}\n</parameter>\n</function>\n</tool_call>`
  const say = `I look.\n\n${['left', 'right', 'left'].map(call).join('\n')}`
  t.same(await answerOf(t, await write([{ after: WITHOUT_THOUGHTS, say }]), 400), { text: say, reason: 'stop' })
})

t.test('an answer can go on until the limit', async t => {
  const { text, reason } = await answerOf(t, await write([
    { after: WITHOUT_THOUGHTS, say: ' ha', then: 'repeat' }
  ]), 40)
  t.match(text, /^( ha)+$/)
  t.equal(reason, 'length')
})

t.test('what no chain of tokens can say is refused', async t => {
  await t.rejects(write([{ after: PLAIN, say: '</think></think>' }]), /"<\/think>" would need two successors/)
  await t.rejects(
    write([{ after: 'a\n', say: 'b' }, { after: WITH_THOUGHTS, say: 'c' }]), /Two scripts follow the token "\\n"/
  )
  await t.rejects(write([{ after: WITHOUT_THOUGHTS, say: '' }]), /says nothing/)
})

t.test('texts are tokenized as by llama.cpp', async t => {
  const model = await write([{ after: WITHOUT_THOUGHTS, say: POEM }])
  const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true })
  t.teardown(() => llama.dispose())
  const loaded = await llama.loadModel({ modelPath: model.model })
  const vocabulary = await vocabularyOf('qwen3.5')
  const texts = [
    POEM, "It's  3.5 °C\n\n\n  x", '<think>\n\n</think>\n\n<|im_end|>', '背景颜色是什么？I\'LL', '\r\n a1b22',
    '\n\n\nA'
  ]
  for (const text of texts) {
    t.same(loaded.tokenize(text, true), tokenize(vocabulary, text), JSON.stringify(text))
  }
})
