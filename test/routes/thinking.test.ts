import t from 'tap'
import { Value } from 'typebox/value'
import { ChatAnswerSchema } from '../../schemas/chat.ts'
import { CompletionSchema } from '../../schemas/openai-answer.ts'
import { WITH_THOUGHTS, writeScriptedModel } from '../models/scripted-model.ts'
import { ask, askJson, askStream, createTestEngine, drawShape, startService } from '../helper.ts'
import { sdk } from './openai/client.ts'

// A model that thinks if it is asked to. Its thoughts contain everything that only counts in an answer.
const THOUGHTS =
  'I see {"bbox_2d": [100, 100, 300, 300], "label": "circle"}. STOP\n<tool_call>\n<function=look>\n</function>'
const ANSWER = 'There is {"bbox_2d": [500, 500, 900, 900], "label": "square"}.'
const { model, mmproj } = await writeScriptedModel(t.testdir(), {
  family: 'qwen3.5', scripts: [{ after: WITH_THOUGHTS, say: `${THOUGHTS}\n</think>\n\n${ANSWER}` }]
})
const engine = await createTestEngine(t, { model, mmproj, threads: 1, slots: 2 })
const service = await startService(t, { MAX_CONCURRENT_REQUESTS: '2', MAX_THINKING_TOKENS: '500' }, engine)
const client = sdk(service)
const image = await drawShape('circle', 'red', 'white')
const message = 'What is in the picture?'
const name = engine.info().model

t.test('a form and JSON ask for thoughts in the same way, and get them apart from the answer', async t => {
  for (const reply of [
    await ask(service.url, { message, thinking: 'on', temperature: '0' }, [image]),
    await ask(service.url, { message, thinking: '400', temperature: '0' }, [image]),
    await askJson(service.url, { message, thinking: 'on', temperature: 0 }),
    await askJson(service.url, { message, thinking: 400, temperature: 0 })
  ]) {
    t.equal(reply.status, 200)
    const { response, thoughts, usage, timings } = reply.body
    t.same({ response, thoughts }, { response: ANSWER, thoughts: THOUGHTS })
    t.ok(usage.thinking_tokens > 10 && usage.completion_tokens > 0)
    t.ok(timings.thinking_ms > 0)
    t.same(Value.Errors(ChatAnswerSchema, reply.body), [])
  }
  await service.quiet()
})

t.test('without the field, and with off, the model does not think', async t => {
  for (const thinking of [null, 'off', '0', '']) {
    const fields = { message, temperature: '0', ...thinking !== null && { thinking } }
    const { body } = await ask(service.url, fields)
    t.match(body, { response: ANSWER, thoughts: '', usage: { thinking_tokens: 0 }, timings: { thinking_ms: 0 } })
  }
})

t.test('boxes and stop strings count only in the answer', async t => {
  const { body } = await ask(service.url, { message, thinking: 'on', temperature: '0', stop: 'STOP' }, [image])
  t.equal(body.response, ANSWER)
  t.match(body.boxes.map(({ label }) => label), ['square'])
})

t.test('thoughts are streamed before the answer', async t => {
  const { events, text } = await askStream(service.url, { message, thinking: 'on', temperature: '0' }, [image])
  t.equal(text, ANSWER)
  const kinds = events.map(({ event }) => event).filter((kind, index, all) => kind !== all[index - 1])
  t.same(kinds.slice(-3), ['thought', 'token', 'done'])
  const thoughts = events.filter(({ event }) => event === 'thought').map(({ data }) => data.text)
  t.equal(thoughts.join(''), THOUGHTS)
  t.ok(thoughts.length > 3, 'piece by piece')
  t.ok(events.at(-1)!.data.usage.thinking_tokens > 10)
})

t.test('a follow-up does not contain the thoughts and reuses the prompt', async t => {
  const first = await ask(service.url, { message, thinking: 'on', temperature: '0' }, [image])
  const history = JSON.stringify([
    { role: 'user', content: message, images: first.body.images.map(({ id }) => id) },
    { role: 'assistant', content: first.body.response }
  ])
  const fields = { message: 'And now?', history, temperature: '0' }
  const second = await ask(service.url, { ...fields, thinking: 'on' })
  t.equal(second.body.thoughts, THOUGHTS)
  t.ok(second.body.usage.cached_tokens > 0.6 * first.body.usage.prompt_tokens, 'up to the beginning of the answer')
  const sent = async (content: string) => (await ask(service.url, {
    ...fields,
    history: JSON.stringify([{ role: 'user', content: message }, { role: 'assistant', content }])
  })).body.usage.prompt_tokens
  t.equal(await sent(`<think>\n${THOUGHTS}\n</think>\n\n${ANSWER}`), await sent(ANSWER), 'no thoughts in the prompt')
  t.ok(await sent('The tag </think> ends thoughts.') > await sent('ends thoughts.'), 'a mention of the tag stays')
})

t.test('values that cannot be obeyed are refused by name', async t => {
  for (const thinking of ['maybe', '-1', '1.5', '1e9']) {
    const { status, body } = await ask(service.url, { message, thinking })
    t.match({ status, ...body }, { status: 400, code: 'INVALID_FIELD', field: 'thinking' }, thinking)
  }
  t.match((await askJson(service.url, { message, thinking: {} })).body, {
    code: 'INVALID_FIELD', error: 'Field "thinking" must be "off", "on" or a number of tokens'
  })
  t.match((await askJson(service.url, { message, thinking: 501 })).body, {
    code: 'INVALID_FIELD', field: 'thinking', limit: 500
  })
  await service.quiet()
})

t.test('an abort in thoughts leaves nothing behind', async t => {
  const brooding = await writeScriptedModel(t.testdir(), {
    family: 'qwen3.5', scripts: [{ after: WITH_THOUGHTS, say: ' red', then: 'repeat' }]
  })
  const engine =
    await createTestEngine(t, { model: brooding.model, mmproj: brooding.mmproj, threads: 1, contextSize: 8192 })
  const own = await startService(t, {}, engine)
  const wishes = [{ reasoning_effort: 'high' as const }, { chat_template_kwargs: { enable_thinking: true } }]
  for (const reasoning of wishes) {
    const stream = await sdk(own).chat.completions.create({
      model: engine.info().model, messages: [{ role: 'user', content: message }], stream: true, ...reasoning
    })
    let thoughts = 0
    for await (const { choices: [choice] } of stream) {
      if ((choice?.delta as { reasoning_content?: string }).reasoning_content) thoughts++
      if (thoughts === 5) stream.controller.abort()
    }
    t.ok(thoughts >= 5)
    await own.quiet()
  }
})

t.test('OpenAI\'s package finds thoughts in reasoning_content', async t => {
  const messages = [{ role: 'user' as const, content: message }]
  const answer = await client.chat.completions.create({
    model: name, messages, temperature: 0, reasoning_effort: 'low', max_completion_tokens: 100
  })
  t.same(Value.Errors(CompletionSchema, { ...answer }), [])
  t.match(answer.choices[0], { message: { content: ANSWER, reasoning_content: THOUGHTS }, finish_reason: 'stop' })
  const { completion_tokens: all, completion_tokens_details: details } = answer.usage!
  t.ok(details!.reasoning_tokens! > 10 && details!.reasoning_tokens! < all)

  const plain = await client.chat.completions.create({ model: name, messages, temperature: 0 })
  t.equal(plain.choices[0]!.message.content, ANSWER)
  t.notOk('reasoning_content' in plain.choices[0]!.message)
  t.equal(plain.usage!.completion_tokens_details!.reasoning_tokens, 0)

  const stream = await client.chat.completions.create({
    model: name,
    messages,
    temperature: 0,
    reasoning_effort: 'low',
    stream: true,
    stream_options: { include_usage: true }
  })
  const pieces: string[] = []
  let [content, reasoning, reasoningTokens] = ['', '', 0]
  for await (const { choices, usage } of stream) {
    const delta = choices[0]?.delta as { content?: string, reasoning_content?: string } | undefined
    if (delta?.reasoning_content) pieces.push('thought')
    if (delta?.content) pieces.push('text')
    reasoning += delta?.reasoning_content ?? ''
    content += delta?.content ?? ''
    reasoningTokens = usage?.completion_tokens_details?.reasoning_tokens ?? reasoningTokens
  }
  t.same({ content, reasoning, reasoningTokens }, {
    content: ANSWER, reasoning: THOUGHTS, reasoningTokens: details!.reasoning_tokens
  })
  t.ok(pieces.lastIndexOf('thought') < pieces.indexOf('text'))
})

t.test('a schema is enforced behind the thoughts', async t => {
  const schema = { type: 'object', properties: { colour: { enum: ['red', 'blue'] } }, required: ['colour'] }
  const answer = await client.chat.completions.create({
    model: name,
    messages: [{ role: 'user', content: message }],
    reasoning_effort: 'high',
    response_format: { type: 'json_schema', json_schema: { name: 'colour', schema } }
  })
  const { content, reasoning_content: thoughts } =
    answer.choices[0]!.message as { content: string, reasoning_content?: string }
  t.equal(thoughts, THOUGHTS)
  t.ok(['red', 'blue'].includes(JSON.parse(content).colour), content)
})

t.test('the thinking of a service is a setting', async t => {
  const thinking = await startService(t, { THINKING: 'on' }, engine)
  t.equal((await ask(thinking.url, { message, temperature: '0' })).body.thoughts, THOUGHTS)
  t.equal((await ask(thinking.url, { message, temperature: '0', thinking: 'off' })).body.thoughts, '')
  const short = await startService(t, { THINKING: 'on', REASONING_EFFORT_TOKENS: 'low=2' }, engine)
  const answer = await sdk(short).chat.completions.create({
    model: name, messages: [{ role: 'user', content: message }], reasoning_effort: 'low'
  })
  t.equal(answer.usage!.completion_tokens_details!.reasoning_tokens, 2)
})

t.test('a model that cannot think refuses thoughts by name, and ignores the setting', async t => {
  const demo = await startService(t, { THINKING: 'on' })
  t.equal((await ask(demo.url, { message: 'Hi' })).status, 200)
  t.match(await ask(demo.url, { message, thinking: 'on' }, [image]), {
    status: 400, body: { code: 'THINKING_NOT_SUPPORTED', field: 'thinking' }
  })
  const error = await sdk(demo).chat.completions.create({
    model: demo.engine.info().model, messages: [{ role: 'user', content: 'Hi' }], reasoning_effort: 'low'
  }).then(() => null, error => error)
  t.match(error, { status: 400, code: 'THINKING_NOT_SUPPORTED', param: 'reasoning_effort' })
  await demo.quiet()
})
