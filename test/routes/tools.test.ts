import OpenAI, { BadRequestError } from 'openai'
import type { ChatCompletionMessageParam, ChatCompletionTool } from 'openai/resources/chat/completions'
import t from 'tap'
import { createToolsEngine, drawShape, startService } from '../helper.ts'

// The embedded model is not trained on tools: it answers in text unless a grammar forces a call.
const engine = await createToolsEngine(t)
const service = await startService(t, {}, engine)
const client = new OpenAI({ baseURL: `${service.url}/v1`, apiKey: 'none', maxRetries: 0 })
const { model } = engine.info()

const url = `data:image/png;base64,${(await drawShape('circle', 'red', 'white')).toString('base64')}`
const question: ChatCompletionMessageParam[] = [{
  role: 'user', content: [{ type: 'image_url', image_url: { url } }, { type: 'text', text: 'What is in the picture?' }]
}]
const tool = (name: string, parameters?: Record<string, unknown>, strict?: boolean): ChatCompletionTool =>
  ({ type: 'function', function: { name, description: `Does ${name}`, parameters, strict } })
const mark = tool('mark', {
  type: 'object',
  properties: { colour: { enum: ['red', 'blue'] }, size: { type: 'integer', minimum: 1, maximum: 5 } },
  required: ['colour', 'size'],
  additionalProperties: false
}, true)
const stop = tool('stop', { type: 'object', properties: {}, additionalProperties: false })
const ask = (rest: object, messages = question) =>
  client.chat.completions.create({ model, messages, temperature: 0, ...rest })

t.test('the status reports that the template supports tools', async t => {
  t.equal((await (await fetch(`${service.url}/api/status`)).json() as { model: { tools: boolean } }).model.tools, true)
})

t.test('a required tool is called with arguments that are valid by its schema', async t => {
  for (const choice of ['required', { type: 'function', function: { name: 'mark' } }]) {
    const { choices: [choice0] } = await ask({ tools: [mark], tool_choice: choice })
    t.equal(choice0!.finish_reason, 'tool_calls')
    t.equal(choice0!.message.content, null)
    const [call, ...others] = choice0!.message.tool_calls!
    t.same(others, [])
    if (call!.type !== 'function') return t.fail('the call is not a function call')
    t.equal(call!.function.name, 'mark')
    t.match(call!.id, /^call_[0-9a-f]{32}$/)
    const { colour, size } = JSON.parse(call!.function.arguments)
    t.ok(['red', 'blue'].includes(colour) && size >= 1 && size <= 5, call!.function.arguments)
  }
  const seen = new Set<string>()
  for (let seed = 1; seed <= 12; seed++) {
    const { choices } =
      await ask({ tools: [mark, stop], tool_choice: 'required', temperature: 2, top_p: 1, top_k: 0, seed })
    const [call] = choices[0]!.message.tool_calls!
    if (call!.type === 'function') seen.add(call!.function.name)
  }
  t.ok([...seen].every(name => name === 'mark' || name === 'stop'), [...seen].join())
  await service.quiet()
})

t.test('calls are streamed', async t => {
  const stream = await client.chat.completions.create({
    model, messages: question, stream: true, tools: [mark], tool_choice: 'required'
  })
  const chunks = []
  for await (const chunk of stream) chunks.push(chunk)
  const deltas = chunks.flatMap(chunk => chunk.choices[0]?.delta.tool_calls ?? [])
  t.equal(deltas.length, 1)
  t.match(deltas[0], { index: 0, type: 'function', function: { name: 'mark', arguments: /^\{.*\}$/ } })
  t.equal(chunks.at(-1)!.choices[0]!.finish_reason, 'tool_calls')
  const content = chunks.map(chunk => chunk.choices[0]?.delta.content ?? '').join('')
  t.equal(content, '', 'the content contains nothing of the call')
})

t.test('tool_choice auto lets the model answer in text', async t => {
  const { choices } = await ask({ tools: [mark] })
  t.ok(choices[0]!.message.content!.length > 0)
  t.notOk(choices[0]!.message.tool_calls)
  t.equal(choices[0]!.finish_reason, 'stop')
})

t.test('the prompt contains a call and its result, including images', async t => {
  const call = (id: string) =>
    ({ id, type: 'function' as const, function: { name: 'mark', arguments: '{"colour":"red"}' } })
  const messages: ChatCompletionMessageParam[] = [
    { role: 'user', content: 'Mark it' },
    { role: 'assistant', tool_calls: [call('a')] },
    { role: 'tool', tool_call_id: 'a', content: 'done' }
  ]
  const plain = await ask({ tools: [mark], max_tokens: 5 }, messages)
  t.ok(plain.usage!.prompt_tokens > 50)
  const withImage = await ask({ tools: [mark], max_tokens: 5 }, [...messages.slice(0, 2), {
    role: 'tool',
    tool_call_id: 'a',
    content: [{ type: 'text', text: 'done' }, { type: 'image_url', image_url: { url } }] as never
  }])
  t.ok(withImage.usage!.prompt_tokens > plain.usage!.prompt_tokens + 15)
  await service.quiet()
})

t.test('the description of a tool never becomes control tokens', async t => {
  const count = async (description: string) => {
    const { usage } = await ask({ max_tokens: 1, tools: [{ type: 'function', function: { name: 'f', description } }] })
    return usage!.prompt_tokens
  }
  const harmless = await count('|im_end|>')
  t.ok(await count('<|im_end|>') > harmless, 'one more character adds tokens instead of making one control token')
  const { textTokens: control } = await engine.inspect(
    [{ role: 'user', parts: [{ type: 'text', text: '' }] }], [{ name: 'f', description: '<|im_end|>' }], []
  )
  const { textTokens: spelled } = await engine.inspect(
    [{ role: 'user', parts: [{ type: 'text', text: '' }] }], [{ name: 'f', description: '|im_end|>' }], []
  )
  t.ok(control > spelled)
})

t.test('the refusal of malformed tools and choices names the field', async t => {
  const cases: Array<[object, string, string]> = [
    [{ tools: 7 }, 'INVALID_FIELD', 'tools'],
    [{ tools: [{ type: 'function', function: { name: 'a b' } }] }, 'INVALID_FIELD', 'tools[0].function.name'],
    [{ tools: [stop, stop] }, 'INVALID_FIELD', 'tools[1].function.name'],
    [{ tools: [stop], tool_choice: 'perhaps' }, 'INVALID_FIELD', 'tool_choice'],
    [
      { tools: [stop], tool_choice: { type: 'function', function: { name: 'mark' } } }, 'INVALID_FIELD',
      'tool_choice.function.name'
    ],
    [{ tool_choice: 'required' }, 'INVALID_FIELD', 'tool_choice'],
    [{ tools: [stop], response_format: { type: 'json_object' } }, 'INVALID_FIELD', 'response_format'],
    [
      { tools: [tool('x', { type: 'object', not: {} }, true)], tool_choice: 'required' }, 'UNSUPPORTED_SCHEMA',
      'response_format'
    ]
  ]
  for (const [rest, code, param] of cases) {
    const error = await ask(rest).then(() => null, (error: BadRequestError) => error)
    t.match(
      error, { status: 400, code, param: code === 'UNSUPPORTED_SCHEMA' ? 'tools[0].function.parameters' : param },
      JSON.stringify(rest)
    )
  }
  t.equal((await ask({
    tools: [tool('x', { type: 'object', not: {} })], tool_choice: 'required', max_tokens: 200
  })).choices.length, 1, 'a schema without strict need not be enforced')
  await service.quiet()
})
