import type { ServerResponse } from 'node:http'
import OpenAI from 'openai'
import sharp from 'sharp'
import t, { type Test } from 'tap'
import { ask, askJson, askStream, drawShape, type TestService } from '../../helper.ts'
import { delta, listModels, say, startFront, startScripted, stream } from './upstream/front.ts'

// What no real server does on demand.
const red = await drawShape('circle', 'red', 'white')
const photo = await sharp({ create: { width: 900, height: 1350, channels: 3, background: 'white' } }).png().toBuffer()

/** A service before an upstream that does this. */
async function frontOf (
  t: Test, answer: (response: ServerResponse) => void, env: Record<string, string> = {}
): Promise<TestService & { asked: any[] }> {
  const upstream = await startScripted(t, answer)
  return {
    ...await startFront(t, [upstream.url], { IMAGE_MIN_TOKENS: '', IMAGE_MAX_TOKENS: '', ...env }),
    asked: upstream.asked
  }
}

const refuse = (status: number, body: unknown, headers: Record<string, string> = {}) => (response: ServerResponse) => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(typeof body === 'string' ? body : JSON.stringify(body))
}

t.test('boxes come back in the pixels of the picture that was sent, whatever the model points in', async t => {
  const words = JSON.stringify([{ bbox_2d: [140, 210, 280, 420], label: 'door' }])
  const pixels = await frontOf(t, response => say(response, words))
  const { body: one } = await ask(pixels.url, { message: 'Where is the door?' }, [photo])
  const { sent, tokens } = one.images[0]!
  t.same([sent.width % 28, sent.height % 28, tokens], [0, 0, sent.width * sent.height / 28 ** 2])
  t.same(
    one.boxes[0]!.box,
    [140, 210, 280, 420].map((place, i) => place * (i % 2 === 0 ? 900 / sent.width : 1350 / sent.height))
  )

  const grid = await frontOf(t, response => say(response, words), { ENGINE_IMAGE_MULTIPLE: '32' })
  const { body: two } = await ask(grid.url, { message: 'Where is the door?' }, [photo])
  t.same([two.images[0]!.sent.width % 32, two.images[0]!.sent.height % 32], [0, 0])
  t.same(two.boxes[0]!.box, [140, 210, 280, 420].map((place, i) => place * (i % 2 === 0 ? 900 : 1350) / 1000))

  const url = grid.asked[0].body.messages[0].content[0].image_url.url as string
  const { width, height, format } = await sharp(Buffer.from(url.split(',')[1]!, 'base64')).metadata()
  t.match(
    { url, width, height, format }, { url: /^data:image\/png;base64,/, ...two.images[0]!.sent, format: 'png' },
    'what is sent is what the receipt says'
  )

  const blind = await frontOf(t, response => say(response, words), { ENGINE_IMAGE_MULTIPLE: '0' })
  t.match(await ask(blind.url, { message: 'Hi' }, [red]), { status: 422, body: { code: 'NO_VISION' } })
  t.same((await ask(blind.url, { message: 'Hi' })).body.boxes, [])
})

t.test('what is asked is OpenAI\'s dialect, and what nobody set is not said', async t => {
  const front = await frontOf(t, response => say(response, 'Yes.'), { ENGINE_API_KEY: 'sk-upstream' })
  const history = [{ role: 'user', content: 'One' }, { role: 'assistant', content: 'Two' }]
  await askJson(front.url, {
    message: 'Three', system: 'Be short.', history, images: [`data:image/png;base64,${red.toString('base64')}`]
  })
  const { headers, body } = front.asked[0]
  t.equal(headers.authorization, 'Bearer sk-upstream')
  t.same(Object.keys(body), ['model', 'messages', 'stream', 'stream_options', 'max_tokens'])
  t.match(body, { model: 'scripted', stream: true, stream_options: { include_usage: true }, max_tokens: 1024 })
  t.same(body.messages.slice(0, 3), [{ role: 'system', content: 'Be short.' }, ...history])
  t.same(body.messages[3].content.map((part: { type: string }) => part.type), ['image_url', 'text'])

  const format =
    { type: 'json_schema', json_schema: { name: 'colour', schema: { enum: ['red', 'blue'] }, strict: true } }
  await askJson(front.url, {
    message: 'Hi', temperature: 0, top_k: 5, repeat_penalty: 1.1, seed: 3, response_format: format
  })
  t.match(front.asked[1].body, {
    temperature: 0, top_k: 5, repeat_penalty: 1.1, repetition_penalty: 1.1, seed: 3, response_format: format
  })
  t.notOk('grammar' in front.asked[1].body)
})

t.test('figures that the upstream does not tell are estimated', async t => {
  const front = await frontOf(t, response => say(response, 'A red circle on a white background.', null))
  const { body } = await ask(front.url, { message: 'What is in the picture?' }, [red])
  const { tokens } = body.images[0]!
  t.match(body.usage, { image_tokens: tokens, cached_tokens: 0 })
  t.ok(
    body.usage.prompt_tokens > tokens + 10 && body.usage.prompt_tokens < tokens + 60, String(body.usage.prompt_tokens)
  )
  t.ok(body.usage.completion_tokens >= 7 && body.usage.completion_tokens < 14, String(body.usage.completion_tokens))
  const told = await frontOf(t, response =>
    say(response, 'Yes.', { prompt_tokens: 33, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 30 } }))
  t.match((await ask(told.url, { message: 'Hi' })).body.usage, {
    prompt_tokens: 33, completion_tokens: 2, cached_tokens: 30, image_tokens: 0
  })
})

t.test('events arrive in whatever pieces the network makes', async t => {
  const text = 'Ein roter Kreis — 红色的圆 🔴'
  const bytes = Buffer.from(`: hello\r\n\r\nevent: x\r\ndata: ${JSON.stringify(
    delta(text)
  )}\r\n\r\ndata:${JSON.stringify(delta('', 'length'))}\n\ndata: [DONE]\n\n`)
  const front = await frontOf(t, async response => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const byte of bytes) {
      response.write(Buffer.of(byte))
      await new Promise(resolve => setImmediate(resolve))
    }
    response.end()
  })
  t.match((await ask(front.url, { message: 'Hi' })).body, { response: text, finish_reason: 'length' })
})

t.test('a call comes in pieces, after words or without', async t => {
  const front = await frontOf(t, response => {
    const send = stream(response)
    const call = (index: number, fields: object) =>
      send({ choices: [{ index: 0, delta: { tool_calls: [{ index, ...fields }] }, finish_reason: null }] })
    send(delta('I shall. '))
    call(0, { id: 'a', type: 'function', function: { name: 'mark', arguments: '' } })
    for (const piece of ['{"tag": "</tool', '_call>"', '}']) call(0, { function: { arguments: piece } })
    call(1, { id: 'b', type: 'function', function: { name: 'mark' } })
    send({ choices: [{ index: 0, delta: {}, finish_reason: 'tool_calls' }] })
    send('[DONE]')
    response.end()
  })
  const client = new OpenAI({ baseURL: `${front.url}/v1`, apiKey: 'none', maxRetries: 0 })
  const { choices: [choice] } = await client.chat.completions.create({
    model: 'scripted',
    messages: [{ role: 'user', content: 'Hi' }],
    tools: [{ type: 'function', function: { name: 'mark' } }]
  })
  t.equal(choice!.finish_reason, 'tool_calls')
  t.match(choice!.message.content, /^I shall\./)
  t.same(choice!.message.tool_calls!.map(call => call.type === 'function' && JSON.parse(call.function.arguments)), [
    { tag: '</tool_call>' }, {}
  ])
  t.match(front.asked[0].body, { tools: [{ type: 'function', function: { name: 'mark' } }], tool_choice: 'auto' })
})

t.test('refusals become errors of ours', async t => {
  const vllm = (message: string) => ({ object: 'error', message, type: 'BadRequestError', param: null, code: 400 })
  const cases: Array<[number, unknown, number, string, RegExp]> = [
    [
      400,
      vllm(
        'This model\'s maximum context length is 4096 tokens. However, you requested 5300 tokens in the messages, Please reduce the length of the messages.'
      ),
      413, 'PROMPT_TOO_LONG', /needs 5300 tokens; the context window has 4096/
    ],
    [400, {
      error: vllm(
        'The decoder prompt (length 5001) is longer than the maximum model length of 4096. Make sure that `max_model_len` is no smaller.'
      )
    }, 413, 'PROMPT_TOO_LONG', /needs 5001 tokens; the context window has 4096/],
    [400, {
      error: {
        code: 400,
        message: 'the request exceeds the available context size, try increasing it',
        type: 'exceed_context_size_error',
        n_prompt_tokens: 9000,
        n_ctx: 4096
      }
    }, 413, 'PROMPT_TOO_LONG', /needs 9000 tokens; the context window has 4096/],
    [400, {
      object: 'error',
      message: 'The input (6000 tokens) is longer than the model\'s context length (4096 tokens).',
      type: 'BadRequestError',
      code: 400
    }, 413, 'PROMPT_TOO_LONG', /needs 6000 tokens; the context window has 4096/],
    [422, {
      error: {
        message: 'The images need at least 4096 tokens; 900 are left in the context, so send fewer images or less text', code: 'IMAGES_DO_NOT_FIT'
      }
    }, 413, 'PROMPT_TOO_LONG', /the context window has 4096/],
    [400, vllm('At most 1 image(s) may be provided in one prompt.'), 500, 'ENGINE_ERROR', /see the log of the service/],
    [401, { error: { message: 'no', code: 'invalid_api_key' } }, 500, 'ENGINE_ERROR', /./],
    [404, '<html>', 500, 'ENGINE_ERROR', /./],
    [302, '', 500, 'ENGINE_ERROR', /./],
    [500, { error: { code: 'ENGINE_ERROR' } }, 500, 'ENGINE_ERROR', /./],
    [502, '<html>', 503, 'ENGINE_CRASHED', /./],
    [503, { error: { code: 'ENGINE_CRASHED' } }, 503, 'ENGINE_CRASHED', /./],
    [
      503, { error: { message: 'Loading model', type: 'unavailable_error', code: 503 } }, 503, 'ENGINE_NOT_READY',
      /the model server is not ready/
    ],
    [429, '', 429, 'SERVER_BUSY', /./]
  ]
  for (const [status, body, expected, code, sentence] of cases) {
    const front = await frontOf(t, refuse(status, body))
    t.match(
      await ask(front.url, { message: 'Hi' }), { status: expected, body: { code, error: sentence } },
      `${status} ${JSON.stringify(body)}`
    )
    t.equal(front.engine.info().state, 'ready')
  }
})

t.test('a 429 or 503 keeps the upstream\'s time to come back, and another upstream is asked before', async t => {
  for (const [status, header, seconds] of [
    [429, '17', '17'], [503, new Date(Date.now() + 30_000).toUTCString(), /^(29|30|31)$/], [429, 'soon', '5'],
    [503, '999999', '3600']
  ] as const) {
    const front = await frontOf(t, refuse(status, '', { 'retry-after': header }))
    const refused = await ask(front.url, { message: 'Hi' })
    t.equal(refused.status, status)
    t.match(refused.headers.get('retry-after'), seconds)
  }
  const busy = await startScripted(t, refuse(429, '', { 'retry-after': '9' }))
  const loading = await startScripted(t, refuse(503, ''))
  const free = await startScripted(t, response => say(response, 'Here.'))
  const lucky = await startFront(t, [busy.url, loading.url, free.url])
  for (let i = 0; i < 5; i++) t.equal((await ask(lucky.url, { message: `Hi ${i}` })).body.response, 'Here.')
  const unlucky = await startFront(t, [loading.url, busy.url])
  const refused = await ask(unlucky.url, { message: 'Hi' })
  t.match([refused.status, refused.headers.get('retry-after')], [429, '9'], 'busy goes before not ready')
})

t.test('an answer may be as long as the upstream\'s own count allows', async t => {
  for (const message of [
    '\'max_tokens\' or \'max_completion_tokens\' is too large: 1024. This model\'s maximum context length is 4096 tokens and your request has 4000 input tokens (1024 > 4096 - 4000).',
    'This model\'s maximum context length is 4096 tokens. However, you requested 5024 tokens (4000 in the messages, 1024 in the completion). Please reduce the length of the messages or completion.'
  ]) {
    const upstream = await startScripted(t, (response, { body }) =>
      body.max_tokens > 96 ? refuse(400, { error: { message, code: 400 } })(response) : say(response, 'Just so.'))
    const front = await startFront(t, [upstream.url])
    t.equal((await ask(front.url, { message: 'Hi' })).body.response, 'Just so.')
    t.same(upstream.asked.map(({ body }) => body.max_tokens), [1024, 95])
  }
})

t.test('what is no proper answer ends the request, and only that', async t => {
  const half = (then: (response: ServerResponse, send: (data: unknown) => void) => void) =>
    (response: ServerResponse) => {
      const send = stream(response)
      send(delta('A red '))
      then(response, send)
    }
  const cases: Array<[string, (response: ServerResponse) => void, string]> = [
    ['no JSON', half((response, send) => { send('{"choices": ['); response.end() }), 'ENGINE_ERROR'],
    ['no object', half((response, send) => { send('7'); response.end() }), 'ENGINE_ERROR'],
    ['no choices', half((response, send) => { send({}); response.end() }), 'ENGINE_ERROR'],
    [
      'an endless event',
      half(response => { for (let i = 0; i < 90; i++) response.write('data: ' + 'x'.repeat(60_000)) }), 'ENGINE_ERROR'
    ],
    ['no end', half(response => response.end()), 'ENGINE_CRASHED'],
    ['the end without a reason', half((response, send) => { send('[DONE]'); response.end() }), 'ENGINE_CRASHED'],
    [
      'given up', half((response, send) => { send(delta('', 'abort')); send('[DONE]'); response.end() }),
      'ENGINE_CRASHED'
    ],
    ['cut off', half(response => setTimeout(() => response.destroy(), 20)), 'ENGINE_CRASHED'],
    ['an error', half((response, send) => {
      send({ error: { message: 'CUDA error', type: 'InternalServerError', code: 500 } })
      send('[DONE]')
      response.end()
    }), 'ENGINE_ERROR'],
    [
      'a crash that is told',
      half((response, send) => { send({ error: { message: 'died', code: 'ENGINE_CRASHED' } }); response.end() }),
      'ENGINE_CRASHED'
    ],
    ['no stream', refuse(200, { choices: [] }), 'ENGINE_ERROR'],
    ['no HTTP', response => { response.socket!.end('SSH-2.0\r\n') }, 'ENGINE_CRASHED'],
    ['nothing at all', response => { response.socket!.destroy() }, 'ENGINE_CRASHED']
  ]
  for (const [name, answer, code] of cases) {
    const upstream = await startScripted(t, answer)
    const front = await startFront(t, [upstream.url])
    const { events } = await askStream(front.url, { message: 'What is in the picture?' }, [red])
    t.match(events.at(-1), { event: 'error', data: { code } }, name)
    await front.quiet()
    for (let i = 0; upstream.open() > 0 && i < 100; i++) await new Promise(resolve => setTimeout(resolve, 10))
    t.equal(upstream.open(), 0, 'its connection is closed')
    t.equal(front.engine.info().state, 'ready')
  }
})

t.test('the first model that is listed is asked, unless one is set', async t => {
  const upstream = await startScripted(t, response => say(response, 'Yes.'), listModels('qwen-a', 'qwen-b'))
  const first = await startFront(t, [upstream.url])
  t.equal(first.engine.info().model, 'qwen-a')
  const second = await startFront(t, [upstream.url], { ENGINE_MODEL: 'qwen-b' })
  t.equal((await ask(second.url, { message: 'Hi' })).body.model, 'qwen-b')
  t.equal(upstream.asked[0]!.body.model, 'qwen-b')
})

t.test('a conversation finds the upstream again that had it before', async t => {
  const upstreams = [0, 1, 2].map(() => startScripted(t, response => say(response, 'Yes.')))
  const all = await Promise.all(upstreams)
  const front = await startFront(t, all.map(({ url }) => url))
  for (let conversation = 0; conversation < 20; conversation++) {
    const history: object[] = []
    const before = all.map(({ asked }) => asked.length)
    for (let turn = 0; turn < 3; turn++) {
      await askJson(front.url, { message: `Question ${turn} of ${conversation}`, system: 'The same for all.', history })
      history.push({ role: 'user', content: `Question ${turn} of ${conversation}` }, {
        role: 'assistant', content: 'Yes.'
      })
    }
    t.same(all.map(({ asked }, i) => asked.length - before[i]!).sort(), [0, 0, 3])
  }
  t.ok(all.every(({ asked }) => asked.length > 0), 'and all have some')
})

t.test('a picture that cannot be decoded is named, and nobody upstream hears of it', async t => {
  const front = await frontOf(t, response => say(response, 'Yes.'))
  const whole = await sharp({
    create: {
      width: 400, height: 400, channels: 3, background: 'grey', noise: { type: 'gaussian', mean: 128, sigma: 30 }
    }
  }).png().toBuffer()
  const broken = Buffer.from(whole).fill(0, Math.floor(whole.length / 2), whole.length - 100)
  t.match(await ask(front.url, { message: 'Hi' }, [red, broken]), {
    status: 422, body: { code: 'CORRUPT_IMAGE', image: 1, field: 'images[1]' }
  })
  t.equal(front.asked.length, 0)
  await front.quiet()
})

t.test('a model that is named by its path is told by its name, and asked for by its path', async t => {
  const names = {
    '/srv/models/Qwen3VL-4B-Instruct-Q4_K_M.gguf': 'Qwen3VL-4B-Instruct-Q4_K_M',
    '/models/Qwen3-VL-8B/': 'Qwen3-VL-8B',
    'C:\\models\\x.GGUF': 'x',
    'Qwen/Qwen3-VL-8B-Instruct': 'Qwen/Qwen3-VL-8B-Instruct',
    'qwen3-vl:8b': 'qwen3-vl:8b'
  }
  for (const [id, name] of Object.entries(names)) {
    const upstream = await startScripted(t, response => say(response, 'Yes.'), listModels(id))
    const front = await startFront(t, [upstream.url])
    t.equal((await ask(front.url, { message: 'Hi' })).body.model, name)
    t.match(await (await fetch(`${front.url}/v1/models`)).json(), { data: [{ id: name }] })
    t.equal(upstream.asked[0]!.body.model, id)
  }
})

t.test('that calls must not be parallel is told the upstream, and held to it', async t => {
  const front = await frontOf(t, response => {
    const send = stream(response)
    for (const index of [0, 1]) {
      send({
        choices: [
          { index: 0, delta: { tool_calls: [{ index, id: `call_${index}`, function: { name: 'mark', arguments: '{}' } }] } }
        ]
      })
    }
    send(delta('Done.', 'tool_calls'))
    send('[DONE]')
    response.end()
  })
  const client = new OpenAI({ baseURL: `${front.url}/v1`, apiKey: 'none', maxRetries: 0 })
  const ask = async (parallel?: boolean) => {
    const { choices } = await client.chat.completions.create({
      model: 'scripted',
      messages: [{ role: 'user', content: 'Hi' }],
      tools: [{ type: 'function', function: { name: 'mark' } }],
      parallel_tool_calls: parallel
    })
    return choices[0]!.message
  }
  t.equal((await ask()).tool_calls!.length, 2)
  t.equal((await ask(true)).tool_calls!.length, 2)
  t.notOk('parallel_tool_calls' in front.asked[1].body)
  t.equal((await ask(false)).tool_calls!.length, 1)
  t.equal(front.asked[2].body.parallel_tool_calls, false)
})
