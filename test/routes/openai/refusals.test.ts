import { AuthenticationError, BadRequestError, RateLimitError } from 'openai'
import type { ChatCompletionMessageParam } from 'openai/resources/chat/completions'
import t from 'tap'
import { pause } from '../../clients/clients.ts'
import { drawShape, startService, type TestService } from '../../helper.ts'
import { until } from '../../server-process.ts'
import { client, complete, engine, failure, image, model, sdk, service, text } from './client.ts'

const red = await drawShape('circle', 'red', 'white')

t.test('fields that cannot be honoured are refused by name, irrelevant ones are ignored', async t => {
  const messages: ChatCompletionMessageParam[] = [{ role: 'user', content: 'Hi' }]
  for (const [field, value] of [
    ['n', 2], ['logprobs', true], ['top_logprobs', 3], ['logit_bias', { 5: 1 }], ['modalities', ['text', 'audio']],
    ['functions', [{ name: 'f' }]], ['temperature', 3], ['max_tokens', 0], ['stop', Array(17).fill('a')],
    ['stream', 'yes']
  ] as const) {
    const error = await failure(complete(messages, { [field]: value }))
    t.type(error, BadRequestError)
    t.match(error, { code: 'INVALID_FIELD', param: field, type: 'invalid_request_error' }, field)
    t.equal(error.requestID, error.error.request_id)
  }
  const fine = await complete(messages, {
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
  t.match(fine, { sightline: { ignored: ['made_up'] } }, 'the answer names what it does not know')
  t.match(await failure(client.chat.completions.create({ model: 'gpt-5', messages })), {
    status: 404, code: 'MODEL_NOT_FOUND'
  })
  t.match(await failure(client.chat.completions.create({ messages } as never)), {
    status: 400, code: 'INVALID_FIELD', param: 'model'
  })
})

t.test('the refusal of a malformed message names its place', async t => {
  const cases: Array<[unknown, string]> = [
    [[], 'messages'], ['Hi', 'messages'], [[7], 'messages[0]'], [[{ role: 'cat', content: '' }], 'messages[0].role'],
    [[{ role: 'user' }], 'messages[0].content'],
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
    t.match(await failure(complete(messages as never)), { status: 400, code: 'INVALID_FIELD', param }, param)
  }
  const pdf = Buffer.from('%PDF-1.4\n').toString('base64')
  const withPdf = [text('Hi'), image(red), image(`data:image/png;base64,${pdf}`)]
  t.match(await failure(complete([{ role: 'user', content: withPdf }])), {
    status: 422, code: 'CORRUPT_IMAGE', param: 'messages[0].content[2].image_url.url', error: { image: 1 }
  })
  const form = new FormData()
  form.append('messages', '[]')
  const response = await fetch(`${service.url}/v1/chat/completions`, { method: 'POST', body: form })
  t.equal(response.status, 415)
  t.match(await response.json(), { error: { code: 'UNSUPPORTED_MEDIA_TYPE', message: /; send application\/json$/ } })
  await service.quiet()
})

t.test('a timeout after the first byte is an error in the stream', async t => {
  const brief = await startService(t, { REQUEST_TIMEOUT: '2' }, engine)
  const long = {
    model,
    temperature: 2,
    response_format: {
      type: 'json_schema',
      json_schema: { name: 'long', schema: { type: 'array', items: { const: 'word' }, minItems: 900 } }
    },
    messages: [{ role: 'user', content: 'Hi' }]
  }
  // The first schema starts the worker thread, which may take longer than the timeout.
  await sdk(brief).chat.completions.create({ ...long, max_tokens: 1 } as never).catch(error =>
    t.match(error, { code: 'TIMEOUT' }))
  const stream = await sdk(brief).chat.completions.create(
    { ...long, stream: true, max_tokens: 3000 } as never
  ) as unknown as AsyncIterable<unknown>
  let chunks = 0
  const error = await failure((async () => {
    for await (const chunk of stream) {
      chunks += chunk ? 1 : 0
      // The engine continues after the timeout, whatever the speed of the machine.
      if (chunks === 3) setTimeout(pause(engine.info().pid!).resume, 2_500)
    }
  })())
  t.ok(chunks > 1, 'the answer had begun')
  t.match(error, { code: 'TIMEOUT', type: 'server_error' })
  await brief.quiet()
})

t.test('the SDK retries after the time in Retry-After', async t => {
  const one = await startService(t, { MAX_CONCURRENT_REQUESTS: '1' }, engine)
  const slot = one.app.slots.tryTake()!
  const busy = await failure(sdk(one).chat.completions.create({ model, messages: [{ role: 'user', content: 'Hi' }] }))
  t.type(busy, RateLimitError)
  t.match(busy, { code: 'SERVER_BUSY', type: 'rate_limit_error' })
  t.equal(busy.headers!.get('retry-after'), '1')
  const patient =
    sdk(one, { maxRetries: 2 }).chat.completions.create({ model, messages: [{ role: 'user', content: 'Hi' }] })
  await until(() => one.app.slots.stats().rejected === 2)
  slot.release()
  t.equal((await patient).choices[0]!.finish_reason, 'stop')
  await one.quiet()
})

t.test('the refusal of a missing key has the shape of the OpenAI API', async t => {
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

t.test('images at http addresses are refused unless their host is allowed', async t => {
  const ask = (to: TestService, url: string) =>
    failure(sdk(to).chat.completions.create({ model, messages: [{ role: 'user', content: [image(url), text('Hi')] }] }))
  t.match(await ask(service, 'http://example.com/cat.png'), {
    status: 400, code: 'IMAGE_URL_REFUSED', param: 'messages[0].content[0].image_url.url'
  })
  const some = await startService(t, { IMAGE_URL_HOSTS: 'localhost,images.example.com' }, engine)
  t.match(await ask(some, 'http://other.example.com/cat.png'), { status: 400, code: 'IMAGE_URL_REFUSED' })
  t.match(
    await ask(some, 'http://localhost/cat.png'), { status: 400, code: 'IMAGE_URL_REFUSED' },
    'an allowed host name with a private address'
  )
  await some.quiet()
})

t.test('tools are refused if the chat template does not support them', async t => {
  const tools = [{ type: 'function', function: { name: 'look' } }]
  const messages: ChatCompletionMessageParam[] = [{ role: 'user', content: 'Hi' }]
  t.match(await failure(complete(messages, { tools })), { status: 400, code: 'TOOLS_NOT_SUPPORTED' })
  t.equal((await complete(messages, { tools, tool_choice: 'none' })).choices[0]!.finish_reason, 'stop')
})
