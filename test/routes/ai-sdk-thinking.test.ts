import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { generateText, streamText } from 'ai'
import t from 'tap'
import { createTestEngine, startService } from '../helper.ts'
import { WITH_THOUGHTS, writeScriptedModel } from '../models/scripted-model.ts'

const [THOUGHTS, ANSWER] = ['The circle is red.', 'A red circle.']
const { model, mmproj } = await writeScriptedModel(t.testdir(), {
  family: 'qwen3.5', scripts: [{ after: WITH_THOUGHTS, say: `${THOUGHTS}\n</think>\n\n${ANSWER}` }]
})
const engine = await createTestEngine(t, { model, mmproj, threads: 1 })
const service = await startService(t, {}, engine)
const provider = createOpenAICompatible({ name: 'sightline', baseURL: `${service.url}/v1`, includeUsage: true })
const question = { model: provider(engine.info().model), prompt: 'What is in the picture?', temperature: 0 }
const thinking = { providerOptions: { sightline: { reasoningEffort: 'low' } } }

t.test('generateText returns thoughts as reasoning', async t => {
  const { text, reasoningText, usage, finishReason } = await generateText({ ...question, ...thinking })
  t.same({ text, reasoningText, finishReason }, { text: ANSWER, reasoningText: THOUGHTS, finishReason: 'stop' })
  t.ok(usage.outputTokenDetails.reasoningTokens! > 2)
  t.ok(usage.outputTokens! > usage.outputTokenDetails.reasoningTokens!)
  const plain = await generateText(question)
  t.same({ text: plain.text, reasoningText: plain.reasoningText }, { text: ANSWER, reasoningText: undefined })
})

t.test('streamText yields thoughts as reasoning parts, before the text', async t => {
  const kinds: string[] = []
  let [reasoning, text] = ['', '']
  for await (const part of streamText({ ...question, ...thinking }).fullStream) {
    kinds.push(part.type)
    if (part.type === 'reasoning-delta') reasoning += part.text
    if (part.type === 'text-delta') text += part.text
  }
  t.same({ reasoning, text }, { reasoning: THOUGHTS, text: ANSWER })
  t.ok(kinds.indexOf('reasoning-end') < kinds.indexOf('text-start'), kinds.join())
  await service.quiet()
})
