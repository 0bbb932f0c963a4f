import t from 'tap'
import { ask, askJson, createTestEngine, drawShape, startService } from '../../helper.ts'
import { until } from '../../server-process.ts'
import { createFrontEngine, createUnreadyEngine, startFront } from './upstream/front.ts'
import { begin, LONG, taken, toEnd } from './upstream/long-answers.ts'

const red = await drawShape('circle', 'red', 'white')
const engine = await createTestEngine(t, { slots: 4 })

t.test('a client that leaves frees the slot of the upstream', async t => {
  const upstream = await startService(t, { MAX_CONCURRENT_REQUESTS: '1' }, engine)
  const front = await startFront(t, [upstream.url])
  const abort = new AbortController()
  const events = await begin(front.url, abort.signal)
  t.equal(taken(upstream), 1)
  abort.abort()
  await t.rejects(toEnd(events), { name: 'AbortError' })
  const started = performance.now()
  await upstream.quiet()
  t.ok(performance.now() - started < 1000, 'at once')
  await front.quiet()
  t.equal((await ask(front.url, { message: 'What is in the picture?' }, [red])).status, 200)
})

t.test('a request that exceeds its deadline frees the slot of the upstream', async t => {
  const upstream = await startService(t, { MAX_CONCURRENT_REQUESTS: '1' }, engine)
  const front = await startFront(t, [upstream.url], { REQUEST_TIMEOUT: '1.5' })
  // The first schema starts a thread in each service, which can take as long as the timeout.
  const { response_format: format } = LONG
  for (const { url } of [upstream, front]) await askJson(url, { message: 'Hi', max_tokens: 1, response_format: format })
  const { status, body } = await askJson(front.url, LONG)
  t.match({ status, code: body.code }, { status: 504, code: 'TIMEOUT' })
  t.match(body.response, /word/, 'with the text so far')
  await upstream.quiet()
})

t.test('a 429 of the upstream becomes a 429 with its retry-after', async t => {
  const upstream = await startService(t, { MAX_CONCURRENT_REQUESTS: '1' }, engine)
  const front = await startFront(t, [upstream.url])
  const abort = new AbortController()
  const events = await begin(front.url, abort.signal)
  const refused = await ask(front.url, { message: 'What is in the picture?' }, [red])
  t.match(refused, { status: 429, body: { code: 'SERVER_BUSY' } })
  t.match(refused.headers.get('retry-after'), /^\d+$/)
  const completion = await fetch(`${front.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: engine.info().model, messages: [{ role: 'user', content: 'Hi' }] })
  })
  t.equal(completion.status, 429)
  t.match(await completion.json(), { error: { code: 'SERVER_BUSY', type: 'rate_limit_error' } })
  t.equal(front.leftovers().length, 0)
  abort.abort()
  await t.rejects(toEnd(events), { name: 'AbortError' })
  await Promise.all([front.quiet(), upstream.quiet()])
})

t.test('several upstreams share the requests, and a full one is skipped', async t => {
  const upstreams = [
    await startService(t, { MAX_CONCURRENT_REQUESTS: '2' }, engine),
    await startService(t, { MAX_CONCURRENT_REQUESTS: '1' }, engine)
  ]
  const front = await startFront(t, upstreams.map(({ url }) => url), { MAX_CONCURRENT_REQUESTS: '4' })
  const abort = new AbortController()
  const streams = [await begin(front.url, abort.signal), await begin(front.url, abort.signal)]
  t.same(upstreams.map(taken), [1, 1], 'the least busy upstream gets the request')
  streams.push(await begin(front.url, abort.signal))
  t.same(upstreams.map(taken), [2, 1])
  t.equal((await askJson(front.url, { message: 'Hi' })).status, 429, 'all are full')
  abort.abort()
  for (const events of streams) await t.rejects(toEnd(events), { name: 'AbortError' })
  await Promise.all([front, ...upstreams].map(service => service.quiet()))
})

t.test('closing the engine aborts running requests', async t => {
  const upstream = await startService(t, {}, engine)
  const front = await createFrontEngine(t, [upstream.url])
  const request = {
    scope: '',
    turns: [{ role: 'user' as const, parts: [{ type: 'text' as const, text: 'Hi' }] }],
    tools: [],
    images: [],
    maxTokens: 3000,
    stop: [],
    grammar: null,
    format: LONG.response_format as never,
    sampling: {}
  }
  const events = front.generate(request, new AbortController().signal)[Symbol.asyncIterator]()
  t.match(await events.next(), { value: { type: 'token' } })
  await front.close()
  await t.rejects(async () => { while (!(await events.next()).done); }, { code: 'SHUTTING_DOWN' })
  await upstream.quiet()
  await t.rejects(front.inspect([], [], []), { code: 'SHUTTING_DOWN' })
})

t.test('ENGINE_API_KEY is sent and never logged', async t => {
  const upstream = await startService(t, { API_KEYS: 'key-of-the-front-0123456789' }, engine)
  const front = await startFront(t, [upstream.url], { ENGINE_API_KEY: 'key-of-the-front-0123456789' })
  t.equal(
    (await ask(front.url, { message: 'What is in the picture?' }, [red])).body.response,
    'A red circle on a white background.'
  )
  const { engine: stranger, lines } = createUnreadyEngine(t, [upstream.url], { ENGINE_API_KEY: 'some-secret-of-mine' })
  await until(() => lines.length > 0)
  t.match(stranger.info(), { state: 'starting', reason: { en: 'the model server has not answered yet' } })
  t.match(lines[0], { msg: 'upstream not ready', reason: 'it refuses ENGINE_API_KEY' })
  t.notMatch(JSON.stringify(lines), /secret/)
  const closed = t.rejects(stranger.ready())
  await stranger.close()
  await closed
  t.equal(stranger.info().state, 'closed')
})

t.test('a model that the upstream does not serve is logged', async t => {
  const upstream = await startService(t, {}, engine)
  const { engine: asking, lines } = createUnreadyEngine(t, [upstream.url], { ENGINE_MODEL: 'qwen' })
  await until(() => lines.length > 0)
  t.match(lines[0], { reason: `it does not serve ENGINE_MODEL=qwen, only ${engine.info().model}` })
  t.equal(asking.info().state, 'starting')
  const front = await startFront(t, [upstream.url], { ENGINE_MODEL: engine.info().model })
  t.equal((await ask(front.url, { message: 'Hi' })).status, 200)
})

t.test('PROMPT_TOO_LONG of the upstream keeps its token counts', async t => {
  const upstream = await startService(t, {}, engine)
  const front = await startFront(t, [upstream.url], { CONTEXT_SIZE: '32768' })
  const { status, body } = await askJson(front.url, { message: 'word '.repeat(6000) })
  t.match({ status, code: body.code }, { status: 413, code: 'PROMPT_TOO_LONG' })
  const here = await askJson(upstream.url, { message: 'word '.repeat(6000) })
  t.equal(body.error, here.body.error)
  t.equal((await askJson(front.url, {
    message: 'word '.repeat(31_000 / 5),
    history: Array.from({ length: 9 }, () => ({ role: 'user', content: 'word '.repeat(5000) }))
  })).body.code, 'PROMPT_TOO_LONG', 'the same for a prompt that is too long by our estimate')
})
