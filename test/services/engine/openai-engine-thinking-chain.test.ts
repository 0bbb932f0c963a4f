import OpenAI from 'openai'
import t, { type Test } from 'tap'
import { ask, askStream, createTestEngine, drawShape, startService, type TestService } from '../../helper.ts'
import type { Family } from '../../models/families.ts'
import { WITH_THOUGHTS, WITHOUT_THOUGHTS, writeScriptedModel, type Script } from '../../models/scripted-model.ts'
import { startFront } from './upstream/front.ts'
import { createThinkingFront, generate } from './upstream/generate.ts'

// The upstream is another service, whose model says what the test gives.

const THOUGHTS = 'The shape is round, so it must be a circle.'
/** The answer follows the same tokens with and without thoughts. */
const SCRIPTS: Script[] = [
  { after: WITH_THOUGHTS, say: `${THOUGHTS}\n</think>` }, { after: WITHOUT_THOUGHTS, say: 'A red circle.' }
]
const GREEDY = { sampling: { temperature: 0 } }

async function startScriptedService (
  t: Test, family: Family, scripts: Script[], env: Record<string, string> = {}
): Promise<TestService> {
  const { model, mmproj } = await writeScriptedModel(t.testdir(), { family, scripts })
  return await startService(t, env, await createTestEngine(t, { model, mmproj, threads: 1 }))
}

const message = 'What is in the picture?'
const red = await drawShape('circle', 'red', 'white')

t.test('a front before a service whose model thinks if it is asked to', async t => {
  const upstream = await startScriptedService(t, 'qwen3.5', SCRIPTS)
  const front = await startFront(t, [upstream.url], {
    ENGINE_IMAGE_MULTIPLE: '32', IMAGE_MIN_TOKENS: '', IMAGE_MAX_TOKENS: ''
  })
  const { engine, warnings } = await createThinkingFront(t, [upstream.url])

  for (const thinking of ['off', 'on', '100']) {
    const fields = { message, temperature: '0', thinking }
    const [here, there] = [await ask(upstream.url, fields, [red]), await ask(front.url, fields, [red])]
    const expected = { thoughts: thinking === 'off' ? '' : THOUGHTS, response: 'A red circle.' }
    t.match(there.body, expected, thinking)
    t.match(here.body, expected, thinking)
    t.same({ ...there.body.usage, cached_tokens: 0 }, { ...here.body.usage, cached_tokens: 0 })
  }

  const { events, text } = await askStream(front.url, { message, temperature: '0', thinking: 'on' }, [red])
  t.equal(text, 'A red circle.')
  const names = events.map(it => it.event).filter(name => name === 'thought' || name === 'token')
  t.same(names, names.toSorted(), 'thoughts come first')
  t.ok(names.lastIndexOf('thought') > 5, 'thought by thought')
  t.equal(events.filter(it => it.event === 'thought').map(it => it.data.text).join(''), THOUGHTS)

  const client = new OpenAI({ baseURL: `${front.url}/v1`, apiKey: 'none', maxRetries: 0 })
  const { choices } = await client.chat.completions.create({
    model: front.engine.info().model,
    temperature: 0,
    reasoning_effort: 'low',
    messages: [{ role: 'user', content: 'Hi' }]
  })
  t.match(choices[0]!.message, { reasoning_content: THOUGHTS, content: 'A red circle.' })

  const { thoughts, ...rest } = await generate(engine, { thinkingTokens: 4, ...GREEDY })
  t.match(rest, { text: 'A red circle.', done: { usage: { thinkingTokens: 4 } } })
  t.ok(thoughts.length > 3 && THOUGHTS.startsWith(thoughts), thoughts)
  t.same(warnings(), [], 'the upstream keeps the budget')
})

t.test('a front switches thinking off before a service that thinks by default', async t => {
  const upstream = await startScriptedService(t, 'qwen3.5', SCRIPTS, { THINKING: 'on' })
  t.match((await ask(upstream.url, { message: 'Hi', temperature: '0' })).body, { thoughts: THOUGHTS })
  const front = await startFront(t, [upstream.url])
  t.match((await ask(front.url, { message: 'Hi', temperature: '0' })).body, { thoughts: '', response: 'A red circle.' })
})

t.test('a front allows more thoughts than the service behind it', async t => {
  const upstream = await startScriptedService(t, 'qwen3.5', SCRIPTS, { MAX_THINKING_TOKENS: '5' })
  const { engine, warnings } = await createThinkingFront(t, [upstream.url])
  for (let i = 0; i < 2; i++) {
    t.match(await generate(engine, { thinkingTokens: 100, ...GREEDY }), { done: { usage: { thinkingTokens: 5 } } })
  }
  t.same(warnings().map(line => line.msg), ['upstream refused fields about thinking'])
})

t.test('a front before a service whose model cannot think', async t => {
  const upstream = await startService(t)
  const { engine, warnings } = await createThinkingFront(t, [upstream.url])
  const { text } = await generate(engine, GREEDY)
  for (let i = 0; i < 2; i++) {
    t.match(await generate(engine, { thinkingTokens: 100, ...GREEDY }), { thoughts: '', text })
  }
  t.match(warnings(), [{ msg: 'upstream refused fields about thinking', thinking: 'on' }])
  t.equal(warnings().length, 1)
})

t.test('a front before a service whose model always thinks', async t => {
  const upstream = await startScriptedService(t, 'qwen3-vl-thinking', SCRIPTS)
  const { engine, warnings } = await createThinkingFront(t, [upstream.url])
  const expected = { thoughts: THOUGHTS, text: 'A red circle.', order: ['thought', 'token', 'done'] }
  for (let i = 0; i < 2; i++) t.match(await generate(engine, GREEDY), expected)
  t.match(await generate(engine, { thinkingTokens: 100, ...GREEDY }), expected)
  t.match(await generate(engine, { thinkingTokens: 4, ...GREEDY }), { done: { usage: { thinkingTokens: 4 } } })
  t.same(warnings().map(line => line.msg), [
    'upstream thinks although thinking is off', 'upstream refused fields about thinking'
  ])
})
