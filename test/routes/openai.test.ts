import { readFileSync } from 'node:fs'
import path from 'node:path'
import OpenAI, { APIError, AuthenticationError, BadRequestError, NotFoundError, RateLimitError } from 'openai'
import type { ChatCompletionMessageParam } from 'openai/resources/chat/completions'
import t from 'tap'
import { Value } from 'typebox/value'
import { CompletionChunkSchema, CompletionSchema, ModelListSchema } from '../../schemas/openai.ts'
import { createTestEngine, drawShape, EXAMPLES, startService, ask, type TestService } from '../helper.ts'

const engine = await createTestEngine(t)
const service = await startService(t, {}, engine)
const model = engine.info().model
const dataUri = (data: Buffer) => `data:image/png;base64,${data.toString('base64')}`
const image = (data: Buffer | string) =>
  ({ type: 'image_url' as const, image_url: { url: typeof data === 'string' ? data : dataUri(data) } })
const text = (text: string) => ({ type: 'text' as const, text })
const red = await drawShape('circle', 'red', 'white')
const blue = await drawShape('square', 'blue', 'yellow')
const RED = 'A red circle on a white background.'

function sdk (to: TestService, options: object = {}): OpenAI {
  return new OpenAI({ baseURL: `${to.url}/v1`, apiKey: 'not-needed', maxRetries: 0, ...options })
}
const client = sdk(service)
const ask1 = (messages: ChatCompletionMessageParam[], rest: object = {}) =>
  client.chat.completions.create({ model, messages, ...rest })

/** The error of a call that must fail. */
async function failure (call: Promise<unknown>): Promise<APIError & { error: Record<string, unknown> }> {
  try {
    await call
  } catch (error) {
    if (error instanceof APIError) return error as never
    throw error
  }
  throw new Error('it did not fail')
}

t.test('lists the loaded model', async t => {
  const page = await client.models.list()
  t.same(page.data.map(it => it.id), [model])
  t.same(Value.Errors(ModelListSchema, { object: 'list', data: page.data }), [])
  t.equal((await client.models.retrieve(model)).id, model)
  const error = await failure(client.models.retrieve('gpt-5'))
  t.type(error, NotFoundError)
  t.match(error, { status: 404, code: 'MODEL_NOT_FOUND', param: 'model', type: 'invalid_request_error' })
})

t.test('answers about pictures as /api/chat does', async t => {
  const answer = await ask1([{ role: 'user', content: [image(red), image(blue), text('Describe the images.')] }])
  const form = await ask(service.url, { message: 'Describe the images.' }, [red, blue])
  t.equal(answer.choices[0]!.message.content, form.body.response)
  t.equal(answer.choices[0]!.finish_reason, 'stop')
  t.equal(answer.usage!.prompt_tokens, form.body.usage.prompt_tokens)
  t.equal(answer.usage!.total_tokens, answer.usage!.prompt_tokens + answer.usage!.completion_tokens)
  t.same(Value.Errors(CompletionSchema, { ...answer }), [])
  const { images } = (answer as unknown as { sightline: { images: Array<{ id: string }> } }).sightline
  t.same(images.map(it => it.id), form.body.images.map(it => it.id))
  await service.quiet()
})

t.test('pictures and text may stand in any order and any message', async t => {
  const before = await ask1([{ role: 'user', content: [image(red), text('What is in the picture?')] }])
  const after = await ask1([{ role: 'user', content: [text('What is in the picture?'), image(red)] }])
  t.equal(before.choices[0]!.message.content, RED)
  t.equal(after.usage!.prompt_tokens, before.usage!.prompt_tokens, 'the same pieces, in another order')
  const followUp = await ask1([
    { role: 'system', content: 'You are a helpful assistant.' },
    { role: 'user', content: [image(red), text('What is in the picture?')] },
    { role: 'assistant', content: RED },
    { role: 'user', content: 'What is the colour of the background?' }
  ])
  t.equal(followUp.choices[0]!.message.content, 'The background is white.')
  const inSystem = await client.chat.completions.create({
    model, messages: [{ role: 'system', content: [image(blue) as never] }, { role: 'user', content: 'Hi' }]
  })
  t.ok(
    (inSystem.usage as { prompt_tokens_details?: { image_tokens?: number } }).prompt_tokens_details!.image_tokens! > 0
  )
})

t.test('a picture of an earlier request is named by its id, and sent again when it has expired', async t => {
  const first = await ask1([{ role: 'user', content: [image(red), text('Hi')] }])
  const { id } = (first as unknown as { sightline: { images: Array<{ id: string }> } }).sightline.images[0]!
  const messages = (url: string): ChatCompletionMessageParam[] =>
    [{ role: 'user', content: [image(url), text('What is in the picture?')] }]
  t.equal((await ask1(messages(`sightline:${id}`))).choices[0]!.message.content, RED)

  const unknown = `sha256:${'0'.repeat(64)}`
  const error = await failure(ask1(messages(`sightline:${unknown}`)))
  t.match(error, { status: 410, code: 'IMAGE_EXPIRED' })
  t.same(error.error.ids, [unknown])
  t.match(await failure(ask1(messages('sightline:cat'))), {
    status: 400, code: 'INVALID_FIELD', param: 'messages[0].content[0].image_url.url'
  })
})

t.test('streams chunks, with usage when asked to', async t => {
  const stream = await client.chat.completions.create({
    model,
    stream: true,
    stream_options: { include_usage: true },
    messages: [{ role: 'user', content: [image(red), text('What is in the picture?')] }]
  })
  const chunks = []
  for await (const chunk of stream) chunks.push(chunk)
  for (const chunk of chunks) t.same(Value.Errors(CompletionChunkSchema, chunk), [])
  t.equal(chunks.map(chunk => chunk.choices[0]?.delta.content ?? '').join(''), RED)
  t.ok(chunks.filter(chunk => chunk.choices[0]?.delta.content).length > 3, 'in several pieces')
  t.match(chunks[0], { choices: [{ delta: { role: 'assistant' }, finish_reason: null }] })
  t.equal(chunks.at(-2)!.choices[0]!.finish_reason, 'stop')
  t.same(chunks.at(-1)!.choices, [])
  t.ok(chunks.at(-1)!.usage!.completion_tokens > 3)
  t.equal(new Set(chunks.map(chunk => chunk.id)).size, 1)

  const without =
    await client.chat.completions.create({ model, stream: true, messages: [{ role: 'user', content: 'Hi' }] })
  for await (const chunk of without) t.notOk(chunk.usage)
  await service.quiet()
})

t.test('the SDK\'s stream helper and abort work', async t => {
  const runner = client.chat.completions.stream({
    model, messages: [{ role: 'user', content: [image(red), text('What is in the picture?')] }]
  })
  t.equal(await runner.finalContent(), RED)
  const stream = await client.chat.completions.create({
    model, stream: true, messages: [{ role: 'user', content: [image(blue), text('Describe the picture.')] }]
  })
  for await (const chunk of stream) {
    if (chunk.choices[0]?.delta.content) stream.controller.abort()
  }
  await service.quiet()
})

t.test('stop, limits, seeds and penalties', async t => {
  const messages: ChatCompletionMessageParam[] =
    [{ role: 'user', content: [image(red), text('What is in the picture?')] }]
  const stopped = await ask1(messages, { stop: ' on a' })
  t.equal(stopped.choices[0]!.message.content, 'A red circle')
  t.equal(stopped.choices[0]!.finish_reason, 'stop')
  const short = await ask1(messages, { max_completion_tokens: 2 })
  t.equal(short.choices[0]!.finish_reason, 'length')
  t.equal(short.usage!.completion_tokens, 2)
  t.equal((await ask1(messages, { max_tokens: 3 })).usage!.completion_tokens, 3)
  const warm = { temperature: 2, top_p: 1, seed: -7, top_k: 0, max_tokens: 20 }
  const [one, two] = [await ask1(messages, warm), await ask1(messages, warm)]
  t.equal(one.choices[0]!.message.content, two.choices[0]!.message.content, 'the same seed')
  t.equal(
    (await ask1(messages, { temperature: 2, top_p: 0 })).choices[0]!.message.content, RED,
    'nothing but the likeliest token'
  )
  // The model is sure of its words, so it takes more chance, or more than OpenAI allows, to see a penalty work.
  const twice: ChatCompletionMessageParam[] =
    [{ role: 'user', content: [image(red), image(red), text('Describe the images.')] }]
  for (const penalty of ['frequency_penalty', 'presence_penalty']) {
    const said = async (rest: object) =>
      (await ask1(twice, { temperature: 2, top_p: 1, top_k: 0, max_tokens: 30, ...rest })).choices[0]!.message.content
    const seeds = [1, 2, 3]
    const [free, punished] = [
      await Promise.all(seeds.map(seed => said({ seed }))),
      await Promise.all(seeds.map(seed => said({ seed, [penalty]: 2 })))
    ]
    t.notSame(free, punished, penalty)
  }
  for (const sampling of [{ frequencyPenalty: 40 }, { presencePenalty: 40 }]) {
    const words: string[] = []
    const turns = [{ role: 'user' as const, parts: [{ type: 'text' as const, text: 'Say it twice' }] }]
    for await (const event of engine.generate({
      turns,
      scope: '',
      tools: [],
      images: [],
      maxTokens: 30,
      stop: [],
      grammar: 'root ::= ("a" | "b") ("a" | "b") ("a" | "b")',
      sampling
    }, new AbortController().signal)) {
      if (event.type === 'token') words.push(event.text)
    }
    t.ok(
      /a/.test(words.join('')) && /b/.test(words.join('')),
      `${Object.keys(sampling)[0]}: "${words.join('')}" is not one letter three times`
    )
  }
})

t.test('detail: low bounds a picture\'s longest side', async t => {
  const wide = await startService(t, { IMAGE_MAX_TOKENS: '1280' })
  const large = readFileSync(path.join(EXAMPLES, '02.jpg'))
  const sent = async (detail: 'low' | 'high') => {
    const answer = await sdk(wide).chat.completions.create({
      model,
      max_tokens: 1,
      messages: [
        { role: 'user', content: [{ type: 'image_url', image_url: { url: dataUri(large), detail } }, text('Hi')] }
      ]
    })
    return (answer as unknown as {
      sightline: { images: Array<{ sent: { width: number, height: number } }> }
    }).sightline.images[0]!.sent
  }
  t.same(await sent('high'), { width: 644, height: 476 })
  const low = await sent('low')
  t.ok(low.width <= 512 && low.width > 400 && low.height < low.width, `${low.width} x ${low.height}`)
})

t.test('what cannot be honoured is refused by name, what does not matter is ignored', async t => {
  const messages: ChatCompletionMessageParam[] = [{ role: 'user', content: 'Hi' }]
  for (const [field, value] of [
    ['n', 2], ['logprobs', true], ['top_logprobs', 3], ['logit_bias', { 5: 1 }], ['modalities', ['text', 'audio']],
    ['functions', []], ['temperature', 3], ['max_tokens', 0], ['stop', ['a', 'b', 'c', 'd', 'e']], ['stream', 'yes']
  ] as const) {
    const error = await failure(ask1(messages, { [field]: value }))
    t.type(error, BadRequestError)
    t.match(error, { code: 'INVALID_FIELD', param: field, type: 'invalid_request_error' }, field)
    t.equal(error.requestID, error.error.request_id)
  }
  const fine = await ask1(messages, {
    n: 1,
    logprobs: false,
    logit_bias: {},
    user: 'me',
    metadata: { a: 'b' },
    store: false,
    parallel_tool_calls: true,
    temperature: null,
    service_tier: 'auto',
    made_up: 1
  })
  t.equal(fine.choices[0]!.finish_reason, 'stop')
  t.match(await failure(client.chat.completions.create({ model: 'gpt-5', messages })), {
    status: 404, code: 'MODEL_NOT_FOUND'
  })
  t.match(await failure(client.chat.completions.create({ messages } as never)), {
    status: 400, code: 'INVALID_FIELD', param: 'model'
  })
})

t.test('a malformed message is named', async t => {
  const cases: Array<[unknown, string]> = [
    [[], 'messages'], ['Hi', 'messages'], [[7], 'messages[0]'], [[{ role: 'cat', content: '' }], 'messages[0].role'],
    [[{ role: 'user' }], 'messages[0].content'], [[{ role: 'assistant' }], 'messages[0].content'],
    [[{ role: 'user', content: [{ type: 'input_audio' }] }], 'messages[0].content[0].type'],
    [[{ role: 'user', content: [{ type: 'text', text: 5 }] }], 'messages[0].content[0].text'],
    [[{ role: 'user', content: [{ type: 'image_url', image_url: 'x' }] }], 'messages[0].content[0].image_url'],
    [
      [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'cat.png' } }] }],
      'messages[0].content[0].image_url.url'
    ],
    [[{
      role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,aaaa', detail: 'fine' } }]
    }], 'messages[0].content[0].image_url.detail'],
    [[{ role: 'tool', tool_call_id: 'x', content: '' }], 'messages[0].tool_call_id'],
    [
      [{ role: 'assistant', tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '{' } }] }],
      'messages[0].tool_calls[0].function.arguments'
    ]
  ]
  for (const [messages, param] of cases) {
    t.match(await failure(ask1(messages as never)), { status: 400, code: 'INVALID_FIELD', param }, param)
  }
  const pdf = Buffer.from('%PDF-1.4\n').toString('base64')
  t.match(await failure(
    ask1([{ role: 'user', content: [text('Hi'), image(red), image(`data:image/png;base64,${pdf}`)] }])
  ),
  { status: 415, code: 'UNSUPPORTED_IMAGE', param: 'messages[0].content[2].image_url.url', error: { image: 1 } })
  const form = new FormData()
  form.append('messages', '[]')
  const response = await fetch(`${service.url}/v1/chat/completions`, { method: 'POST', body: form })
  t.equal(response.status, 415)
  t.match(await response.json(), { error: { code: 'UNSUPPORTED_MEDIA_TYPE' } })
  await service.quiet()
})

t.test('a fault after the first byte is an error of the stream', async t => {
  const brief = await startService(t, { REQUEST_TIMEOUT: '0.4' }, engine)
  const long = {
    model,
    temperature: 2,
    response_format: {
      type: 'json_schema',
      json_schema: { name: 'long', schema: { type: 'array', items: { const: 'word' }, minItems: 900 } }
    },
    messages: [{ role: 'user', content: 'Hi' }]
  }
  // The first schema starts a thread, which may take as long as there is time.
  await sdk(brief).chat.completions.create({ ...long, max_tokens: 1 } as never).catch(error =>
    t.match(error, { code: 'TIMEOUT' }))
  const stream = await sdk(brief).chat.completions.create(
    { ...long, stream: true, max_tokens: 3000 } as never
  ) as unknown as AsyncIterable<unknown>
  let chunks = 0
  const error = await failure((async () => { for await (const chunk of stream) chunks += chunk ? 1 : 0 })())
  t.ok(chunks > 1, 'after some of the answer')
  t.match(error, { code: 'TIMEOUT', type: 'server_error' })
  await brief.quiet()
})

t.test('the SDK waits as Retry-After says and asks again', async t => {
  const one = await startService(t, { MAX_CONCURRENT_REQUESTS: '1' }, engine)
  const slot = one.app.slots.tryTake()!
  const busy = await failure(sdk(one).chat.completions.create({ model, messages: [{ role: 'user', content: 'Hi' }] }))
  t.type(busy, RateLimitError)
  t.match(busy, { code: 'SERVER_BUSY', type: 'rate_limit_error' })
  t.equal(busy.headers!.get('retry-after'), '1')
  const patient =
    sdk(one, { maxRetries: 2 }).chat.completions.create({ model, messages: [{ role: 'user', content: 'Hi' }] })
  setTimeout(() => slot.release(), 300)
  t.equal((await patient).choices[0]!.finish_reason, 'stop')
  await one.quiet()
})

t.test('keys are asked for in OpenAI\'s shape', async t => {
  const locked = await startService(t, { API_KEYS: 'sk-0123456789abcdef' }, engine)
  const error =
    await failure(sdk(locked).chat.completions.create({ model, messages: [{ role: 'user', content: 'Hi' }] }))
  t.type(error, AuthenticationError)
  t.match(error, { code: 'UNAUTHORIZED', type: 'authentication_error' })
  const open = sdk(locked, { apiKey: 'sk-0123456789abcdef' })
  t.equal((await open.models.list()).data.length, 1)
  t.equal((await open.chat.completions.create({
    model, messages: [{ role: 'user', content: 'Hi' }]
  })).choices[0]!.finish_reason, 'stop')
})

t.test('http pictures are refused unless their host is allowed', async t => {
  const ask = (to: TestService, url: string) =>
    failure(sdk(to).chat.completions.create({ model, messages: [{ role: 'user', content: [image(url), text('Hi')] }] }))
  t.match(await ask(service, 'http://example.com/cat.png'), {
    status: 400, code: 'IMAGE_URL_REFUSED', param: 'messages[0].content[0].image_url.url'
  })
  const some = await startService(t, { IMAGE_URL_HOSTS: 'localhost,images.example.com' }, engine)
  t.match(await ask(some, 'http://other.example.com/cat.png'), { status: 400, code: 'IMAGE_URL_REFUSED' })
  t.match(
    await ask(some, 'http://localhost/cat.png'), { status: 400, code: 'IMAGE_URL_REFUSED' },
    'an allowed name with a private address'
  )
  await some.quiet()
})

t.test('structured answers parse and validate', async t => {
  const schema = {
    type: 'object',
    properties: { colour: { enum: ['red', 'blue', '绿'] }, count: { type: 'integer', minimum: 0, maximum: 9 } },
    required: ['colour', 'count'],
    additionalProperties: false
  }
  const answer = await ask1([{ role: 'user', content: [image(red), text('What is in the picture?')] }], {
    response_format: { type: 'json_schema', json_schema: { name: 'shape', strict: true, schema } }
  })
  const value = JSON.parse(answer.choices[0]!.message.content!)
  t.ok(
    ['red', 'blue', '绿'].includes(value.colour) && Number.isInteger(value.count), answer.choices[0]!.message.content!
  )
  const error = await failure(ask1([{ role: 'user', content: 'Hi' }], {
    response_format: {
      type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object', properties: { a: { not: {} } } } }
    }
  }))
  t.match(error, { status: 400, code: 'UNSUPPORTED_SCHEMA', param: 'response_format', error: { keyword: 'not' } })
})

t.test('tools are refused where the chat template knows none', async t => {
  const tools = [{ type: 'function', function: { name: 'look' } }]
  t.match(await failure(ask1([{ role: 'user', content: 'Hi' }], { tools })), {
    status: 400, code: 'TOOLS_NOT_SUPPORTED'
  })
  t.equal(
    (await ask1([{ role: 'user', content: 'Hi' }], { tools, tool_choice: 'none' })).choices[0]!.finish_reason, 'stop'
  )
})
