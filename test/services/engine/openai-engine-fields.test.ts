import type { ServerResponse } from 'node:http'
import t from 'tap'
import { until } from '../../server-process.ts'
import {
  listModels, refuse, say, startScripted, type ReceivedRequest, type ScriptedUpstream
} from './upstream/front.ts'
import { createThinkingFront, generate } from './upstream/generate.ts'

// Upstreams that refuse fields about thinking.

const invalid = (message: string) => ({ error: { message, type: 'invalid_request_error', param: null, code: null } })
/** The fields of a request that are not part of each request. */
const fieldsOf = ({ body }: ReceivedRequest): string[] => {
  const usual = ['model', 'messages', 'stream', 'stream_options', 'max_tokens']
  return [
    ...Object.keys(body).filter(name => !usual.includes(name)),
    ...body.stream_options.continuous_usage_stats === undefined ? [] : ['continuous_usage_stats']
  ]
}
const fields = ({ asked }: ScriptedUpstream) => asked.map(fieldsOf)

/** Refuses all fields that are not in this list, and names the first of them as OpenAI does. */
const strict = (...known: string[]) => (response: ServerResponse, asked: ReceivedRequest) => {
  const [unknown] = fieldsOf(asked).filter(name => !known.includes(name))
  if (unknown === undefined) return say(response, 'Yes.')
  refuse(400, invalid(`Unknown parameter: '${unknown}'.`))(response)
}

const OFF = ['chat_template_kwargs']
const ON = [
  'chat_template_kwargs', 'thinking_budget', 'thinking_budget_tokens', 'thinking_token_budget', 'custom_params',
  'continuous_usage_stats'
]

t.test('a server that refuses unknown fields gets none of them, and its own switch', async t => {
  const upstream = await startScripted(t, strict('reasoning_effort'))
  const { engine, warnings } = await createThinkingFront(t, [upstream.url])
  t.equal((await generate(engine)).text, 'Yes.')
  t.same(fields(upstream), [OFF, ['reasoning_effort']])
  t.equal(upstream.asked[1]!.body.reasoning_effort, 'none')
  t.match(warnings(), [
    { msg: 'upstream refused fields about thinking', thinking: 'off', fields: ['chat_template_kwargs'] }
  ])
  await generate(engine)
  t.same(fields(upstream).slice(2), [['reasoning_effort']], 'remembered')
  await generate(engine, { thinkingTokens: 9 })
  t.same(fields(upstream).slice(3), [ON, ['reasoning_effort']])
  t.equal(upstream.asked[4]!.body.reasoning_effort, 'medium')
  t.equal(warnings().length, 1, 'logged once')
})

t.test('a server without any switch gets none', async t => {
  const upstream = await startScripted(t, strict())
  const { engine } = await createThinkingFront(t, [upstream.url])
  t.equal((await generate(engine)).text, 'Yes.')
  t.equal((await generate(engine)).text, 'Yes.')
  t.same(fields(upstream), [OFF, ['reasoning_effort'], [], []])
})

t.test('vLLM without a reasoning parser refuses the budget and keeps the switch', async t => {
  const upstream = await startScripted(t, (response, asked) => asked.body.thinking_token_budget === undefined
    ? say(response, 'Yes.')
    : refuse(400, invalid(
      'thinking_token_budget is set but reasoning_config is not configured. Please set --reasoning-parser'
    ))(response))
  const { engine, warnings } = await createThinkingFront(t, [upstream.url])
  for (let i = 0; i < 2; i++) t.equal((await generate(engine, { thinkingTokens: 9 })).text, 'Yes.')
  const rest = ['chat_template_kwargs', 'continuous_usage_stats']
  t.same(fields(upstream), [ON, rest, rest])
  t.same(warnings().map(line => line.thinking), ['on'])
  await generate(engine)
  t.same(fields(upstream)[3], OFF)
})

t.test('a server that refuses thoughts', async t => {
  const sentence = '"chat_template_kwargs.enable_thinking" asks for thoughts, but the loaded model (x) cannot think'
  const upstream = await startScripted(t, (response, asked) => asked.body.chat_template_kwargs?.enable_thinking === true
    ? refuse(400, { error: { message: sentence, code: 'THINKING_NOT_SUPPORTED' } })(response)
    : say(response, 'Yes.'))
  const { engine, warnings } = await createThinkingFront(t, [upstream.url])
  const isOn = () => upstream.asked.map(({ body }) => body.chat_template_kwargs.enable_thinking)
  for (let i = 0; i < 2; i++) {
    await t.rejects(generate(engine, { thinkingTokens: 9, thinkingField: 'reasoning_effort' }), {
      code: 'THINKING_NOT_SUPPORTED',
      statusCode: 400,
      message: /^"reasoning_effort" asks for thoughts, but the model server/
    })
  }
  t.same(isOn(), [true, true], 'the server decides each time')
  t.match(await generate(engine, { thinkingTokens: 9 }), { thoughts: '', text: 'Yes.' }, 'a default of the service')
  await generate(engine)
  t.same(isOn().slice(2), [false, false])
  t.match(warnings().filter(line => line.msg !== 'upstream refused a request'), [
    { msg: 'upstream refused to think', advice: /MAX_THINKING_TOKENS=0/ }
  ])

  const { engine: fresh } = await createThinkingFront(t, [upstream.url])
  t.match(await generate(fresh, { thinkingTokens: 9 }), { thoughts: '', text: 'Yes.' })
  t.same(isOn().slice(4), [true, false], 'asked again without thoughts')
})

t.test('a refused value is lowered to the limit that the refusal reports', async t => {
  const refusals: Array<[string, object]> = [
    ['a field', { error: { code: 'INVALID_FIELD', param: 'thinking_budget', message: 'Too many', limit: 5 } }],
    ['DashScope', invalid('The thinking_budget parameter must be a positive integer and not greater than 5')],
    ['a comparison', invalid('thinking_token_budget: Input should be less than or equal to 5')]
  ]
  for (const [name, body] of refusals) {
    const upstream = await startScripted(t, (response, asked) =>
      asked.body.thinking_budget > 5 ? refuse(400, body)(response) : say(response, 'Yes.'))
    const { engine, warnings } = await createThinkingFront(t, [upstream.url])
    const budgets = () => upstream.asked.map(({ body }) => body.thinking_budget)
    for (const thinkingTokens of [9, 8, 3]) t.equal((await generate(engine, { thinkingTokens })).text, 'Yes.')
    t.same(budgets(), [9, 5, 5, 3], name)
    t.equal(upstream.asked[1]!.body.max_tokens, 105)
    t.match(warnings(), [{ msg: 'upstream allows fewer thought tokens', limit: 5, advice: /MAX_THINKING_TOKENS/ }])
    t.equal(warnings().length, 1)
  }
})

t.test('a field whose value was refused is sent again with the next request', async t => {
  const upstream = await startScripted(t, (response, asked) => asked.body.thinking_budget === 9
    ? refuse(400, { error: { code: 'INVALID_FIELD', param: 'thinking_budget', message: 'Not 9' } })(response)
    : say(response, 'Yes.'))
  const { engine } = await createThinkingFront(t, [upstream.url])
  for (const thinkingTokens of [9, 8]) t.equal((await generate(engine, { thinkingTokens })).text, 'Yes.')
  t.same(fields(upstream), [ON, ['chat_template_kwargs', 'continuous_usage_stats'], ON])
})

t.test('a refusal without a reason can be about these fields', async t => {
  const proxy = await startScripted(t, (response, asked) => fieldsOf(asked).length === 0
    ? say(response, 'Yes.')
    : refuse(422, '<html>')(response))
  const { engine, warnings } = await createThinkingFront(t, [proxy.url])
  t.equal((await generate(engine)).text, 'Yes.')
  t.equal((await generate(engine)).text, 'Yes.')
  t.equal(proxy.asked.length, 4)
  t.match(warnings(), [{ fields: ['chat_template_kwargs', 'reasoning_effort'] }])

  const never = await startScripted(t, refuse(400, invalid('At most 1 image(s) may be provided in one prompt.')))
  const { engine: other, warnings: others } = await createThinkingFront(t, [never.url])
  for (let i = 0; i < 2; i++) await t.rejects(generate(other), { code: 'ENGINE_ERROR' })
  t.same(fields(never).slice(0, 2), fields(never).slice(3, 5), 'nothing is learned from a refusal of all requests')
  t.same(others().map(line => line.msg), Array(2).fill('upstream refused a request'))

  const long = await startScripted(t, refuse(400, { error: { code: 'context_length_exceeded' } }))
  const { engine: third } = await createThinkingFront(t, [long.url])
  await t.rejects(generate(third), { code: 'PROMPT_TOO_LONG' })
  t.equal(long.asked.length, 1, 'a refusal with a known reason is not sent again')
})

t.test('a restarted upstream gets all fields again', async t => {
  let state: 'strict' | 'down' | 'up' = 'strict'
  const upstream = await startScripted(t, (response, asked) => {
    if (state === 'down') return refuse(503, '')(response)
    return state === 'strict' ? strict()(response, asked) : say(response, 'Yes.')
  }, (request, response) => state === 'down' ? response.destroy() : listModels('scripted')(request, response))
  const { engine } = await createThinkingFront(t, [upstream.url])
  await generate(engine)
  await generate(engine)
  t.same(fields(upstream).at(-1), [])
  state = 'down'
  await t.rejects(generate(engine), { code: 'ENGINE_NOT_READY' })
  await until(() => engine.info().state === 'restarting')
  state = 'up'
  await until(() => engine.info().state === 'ready')
  t.equal((await generate(engine)).text, 'Yes.')
  t.same(fields(upstream).at(-1), OFF)
})
