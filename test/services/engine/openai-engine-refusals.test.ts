import type { ServerResponse } from 'node:http'
import t from 'tap'
import { ask, askStream, drawShape } from '../../helper.ts'
import { delta, refuse, say, startFront, startScripted, startScriptedFront, stream } from './upstream/front.ts'

const red = await drawShape('circle', 'red', 'white')

t.test('refusals of upstreams map to error codes of this service', async t => {
  const vllm = (message: string) => ({ object: 'error', message, type: 'BadRequestError', param: null, code: 400 })
  const cases: Array<[number, unknown, number, string, RegExp]> = [
    [
      400,
      vllm(
        'This model\'s maximum context length is 4096 tokens. However, you requested 5300 tokens in the messages, ' +
        'Please reduce the length of the messages.'
      ),
      413, 'PROMPT_TOO_LONG', /needs 5300 tokens; the context window has 4096/
    ],
    [400, {
      error: vllm(
        'The decoder prompt (length 5001) is longer than the maximum model length of 4096. ' +
        'Make sure that `max_model_len` is no smaller.'
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
        message: 'The images need at least 4096 tokens; 900 are left in the context, so send fewer images or less text',
        code: 'IMAGES_DO_NOT_FIT'
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
    const front = await startScriptedFront(t, refuse(status, body))
    t.match(
      await ask(front.url, { message: 'Hi' }), { status: expected, body: { code, error: sentence } },
      `${status} ${JSON.stringify(body)}`
    )
    t.equal(front.engine.info().state, 'ready')
  }
})

t.test('a 429 or 503 keeps the retry-after of the upstream, once no other upstream is left', async t => {
  for (const [status, header, seconds] of [
    [429, '17', '17'], [503, new Date(Date.now() + 30_000).toUTCString(), /^(29|30|31)$/], [429, 'soon', '5'],
    [503, '999999', '3600']
  ] as const) {
    const front = await startScriptedFront(t, refuse(status, '', { 'retry-after': header }))
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
  t.match(
    [refused.status, refused.headers.get('retry-after')], [429, '9'], 'SERVER_BUSY is preferred to ENGINE_NOT_READY'
  )
})

t.test('max_tokens is lowered to the room that the upstream reports', async t => {
  for (const message of [
    '\'max_tokens\' or \'max_completion_tokens\' is too large: 1024. This model\'s maximum context length is 4096 ' +
    'tokens and your request has 4000 input tokens (1024 > 4096 - 4000).',
    'This model\'s maximum context length is 4096 tokens. However, you requested 5024 tokens (4000 in the messages, ' +
    '1024 in the completion). Please reduce the length of the messages or completion.'
  ]) {
    const upstream = await startScripted(t, (response, { body }) =>
      body.max_tokens > 96 ? refuse(400, { error: { message, code: 400 } })(response) : say(response, 'Just so.'))
    const front = await startFront(t, [upstream.url])
    t.equal((await ask(front.url, { message: 'Hi' })).body.response, 'Just so.')
    t.same(upstream.asked.map(({ body }) => body.max_tokens), [1024, 95])
  }
})

t.test('a malformed or incomplete answer fails only its request', async t => {
  const half = (then: (response: ServerResponse, send: (data: unknown) => void) => void) =>
    (response: ServerResponse) => {
      const send = stream(response)
      send(delta('A red '))
      then(response, send)
    }
  const cases: Array<[string, (response: ServerResponse) => void, string]> = [
    ['not JSON', half((response, send) => { send('{"choices": ['); response.end() }), 'ENGINE_ERROR'],
    ['not an object', half((response, send) => { send('7'); response.end() }), 'ENGINE_ERROR'],
    ['no choices', half((response, send) => { send({}); response.end() }), 'ENGINE_ERROR'],
    [
      'an event without an end',
      half(response => { for (let i = 0; i < 90; i++) response.write('data: ' + 'x'.repeat(60_000)) }), 'ENGINE_ERROR'
    ],
    ['incomplete', half(response => response.end()), 'ENGINE_CRASHED'],
    ['an end without finish_reason', half((response, send) => { send('[DONE]'); response.end() }), 'ENGINE_CRASHED'],
    [
      'aborted', half((response, send) => { send(delta('', 'abort')); send('[DONE]'); response.end() }),
      'ENGINE_CRASHED'
    ],
    ['cut off', half(response => setTimeout(() => response.destroy(), 20)), 'ENGINE_CRASHED'],
    ['an error', half((response, send) => {
      send({ error: { message: 'CUDA error', type: 'InternalServerError', code: 500 } })
      send('[DONE]')
      response.end()
    }), 'ENGINE_ERROR'],
    [
      'a reported crash',
      half((response, send) => { send({ error: { message: 'died', code: 'ENGINE_CRASHED' } }); response.end() }),
      'ENGINE_CRASHED'
    ],
    ['not a stream', refuse(200, { choices: [] }), 'ENGINE_ERROR'],
    ['not HTTP', response => { response.socket!.end('SSH-2.0\r\n') }, 'ENGINE_CRASHED'],
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
