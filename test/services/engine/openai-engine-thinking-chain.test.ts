import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import OpenAI from 'openai'
import t, { type Test } from 'tap'
import {
  ask, askStream, createTestEngine, drawShape, EXAMPLES, startService, type TestService
} from '../../helper.ts'
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
  t.match(warnings(), [{ msg: 'upstream allows fewer thought tokens', limit: 5 }])
  t.equal(warnings().length, 1)
})

t.test('a front before a service whose model cannot think', async t => {
  const upstream = await startService(t)
  const front = await startFront(t, [upstream.url])
  const message = 'Hi'
  t.match(await ask(front.url, { message, thinking: 'on' }), {
    status: 400, body: { code: 'THINKING_NOT_SUPPORTED', field: 'thinking' }
  })
  const client = new OpenAI({ baseURL: `${front.url}/v1`, apiKey: 'none', maxRetries: 0 })
  await t.rejects(client.chat.completions.create({
    model: front.engine.info().model, reasoning_effort: 'low', messages: [{ role: 'user', content: message }]
  }), { status: 400, code: 'THINKING_NOT_SUPPORTED', param: 'reasoning_effort' })

  const usual = await startFront(t, [upstream.url], { THINKING: 'on' })
  const { response } = (await ask(upstream.url, { message, temperature: '0' })).body
  for (let i = 0; i < 2; i++) {
    t.match((await ask(usual.url, { message, temperature: '0' })).body, { thoughts: '', response })
  }
})

t.test('many images and thoughts in a small context', async t => {
  const small = { CONTEXT_SIZE: '512', IMAGE_MIN_TOKENS: '16', IMAGE_MAX_TOKENS: '36', MAX_IMAGES: '16' }
  const { model, mmproj } = await writeScriptedModel(t.testdir(), { family: 'qwen3.5', scripts: SCRIPTS })
  const engine = await createTestEngine(t, {
    model, mmproj, threads: 1, contextSize: 512, imageMinTokens: 16, imageMaxTokens: 36
  })
  const upstream = await startService(t, small, engine)
  const front = await startFront(t, [upstream.url], { ENGINE_IMAGE_MULTIPLE: '32', ...small })
  const names = readdirSync(EXAMPLES).filter(name => /\.(png|jpg)$/.test(name)).slice(0, 15)
  const images = names.map(name => readFileSync(path.join(EXAMPLES, name)))
  for (const [count, thinking] of [[15, 'off'], [15, '100'], [8, '100']] as const) {
    const fields = { message: 'Hi', temperature: '0', max_tokens: '20', thinking }
    const some = images.slice(0, count)
    const { body: here } = await ask(upstream.url, fields, some)
    const { body: there } = await ask(front.url, fields, some)
    t.match(there, { response: here.response, thoughts: here.thoughts })
    const { image_tokens: imageTokens, ...usage } = there.usage
    t.equal(there.images.reduce((sum, { tokens }) => sum + tokens, 0), imageTokens, 'no image was resampled')
    // The front estimates text, which leaves fewer tokens to images that fill the context.
    const fewer = here.usage.image_tokens - imageTokens
    t.ok(fewer >= 0 && fewer <= (count === 8 ? 0 : 16), `${imageTokens} instead of ${here.usage.image_tokens}`)
    t.match(usage, {
      prompt_tokens: here.usage.prompt_tokens - fewer,
      thinking_tokens: here.usage.thinking_tokens,
      completion_tokens: here.usage.completion_tokens
    })
  }
})

t.test('thoughts and answer end at the limits of the service behind the front', async t => {
  const upstream = await startScriptedService(t, 'qwen3.5', [
    { after: WITH_THOUGHTS, say: ' hm', then: 'repeat' }, { after: WITHOUT_THOUGHTS, say: ' so', then: 'repeat' }
  ])
  const front = await startFront(t, [upstream.url])
  for (const [thinking, maxTokens] of [['20', '7'], ['3000', '60'], ['5', '1']] as const) {
    const fields = { message: 'Hi', temperature: '0', thinking, max_tokens: maxTokens }
    const [here, there] = [await ask(upstream.url, fields), await ask(front.url, fields)]
    t.match(there.body, {
      response: here.body.response,
      thoughts: here.body.thoughts,
      finish_reason: 'length',
      usage: { ...here.body.usage, cached_tokens: Number }
    })
    t.match(here.body.usage, { completion_tokens: Number(maxTokens) })
  }
})

t.test('a front before a service whose model always thinks', async t => {
  const upstream = await startScriptedService(t, 'qwen3-vl-thinking', SCRIPTS)
  const { engine, warnings } = await createThinkingFront(t, [upstream.url])
  const { usage: { thinking_tokens: thinkingTokens, completion_tokens: completionTokens } } =
    (await ask(upstream.url, { message: 'Hi', temperature: '0' })).body
  const usage = { thinkingTokens, completionTokens }
  const expected = { thoughts: THOUGHTS, text: 'A red circle.', order: ['thought', 'token', 'done'], done: { usage } }
  for (let i = 0; i < 2; i++) t.match(await generate(engine, GREEDY), expected)
  t.match(await generate(engine, { thinkingTokens: 100, ...GREEDY }), expected)
  t.match(await generate(engine, { thinkingTokens: 4, ...GREEDY }), { done: { usage: { thinkingTokens: 4 } } })
  t.same(warnings(), [])
})
