import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { longQuestion } from '../../clients/clients.ts'
import { freePort } from '../../deploy/nginx.ts'
import { ask, askJson, createTestEngine, drawShape, readEvents, startService, type SseEvent, type TestService } from '../../helper.ts'
import { launch, start, until, type Server } from '../../server-process.ts'
import { createFrontEngine, createUnreadyEngine, startFront } from './upstream/front.ts'

const LONG = longQuestion(800)
const red = await drawShape('circle', 'red', 'white')
const engine = await createTestEngine(t, { slots: 4 })

/** Asks for a long answer and waits for its first words. */
async function begin (url: string, signal?: AbortSignal) {
  const response = await fetch(`${url}/api/chat_stream`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(LONG), signal })
  const events = readEvents(response)
  for (let first = await events.next(); first.value.event !== 'token';) first = await events.next()
  return events
}

/** The last event that comes. */
async function toEnd (events: AsyncIterable<SseEvent>): Promise<SseEvent | undefined> {
  let last
  for await (const event of events) last = event
  return last
}

const taken = ({ app }: TestService) => app.slots.stats().taken

/** A service as a process of its own, that can be killed. */
async function startProcess (t: Test, port: number, name = 'uploads'): Promise<Server> {
  return await start(t, { PORT: String(port), UPLOAD_DIR: path.join(t.testdirName, name), MAX_CONCURRENT_REQUESTS: '4', LLAMA_THREADS: '1' })
}

async function readyAgain ({ engine }: TestService): Promise<void> {
  await until(() => engine.info().state === 'ready', () => engine.info().reason)
}

t.test('a client that leaves frees the slot of the upstream, too', async t => {
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

t.test('a request whose time is up frees it as well', async t => {
  const upstream = await startService(t, { MAX_CONCURRENT_REQUESTS: '1' }, engine)
  const front = await startFront(t, [upstream.url], { REQUEST_TIMEOUT: '0.5' })
  const { status, body } = await askJson(front.url, LONG)
  t.match({ status, code: body.code }, { status: 504, code: 'TIMEOUT' })
  t.match(body.response, /word/, 'with what was said so far')
  await upstream.quiet()
})

t.test('an upstream without a free slot makes a 429 of ours, with its own time to come back', async t => {
  const upstream = await startService(t, { MAX_CONCURRENT_REQUESTS: '1' }, engine)
  const front = await startFront(t, [upstream.url])
  const abort = new AbortController()
  const events = await begin(front.url, abort.signal)
  const refused = await ask(front.url, { message: 'What is in the picture?' }, [red])
  t.match(refused, { status: 429, body: { code: 'SERVER_BUSY' } })
  t.match(refused.headers.get('retry-after'), /^\d+$/)
  const completion = await fetch(`${front.url}/v1/chat/completions`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model: engine.info().model, messages: [{ role: 'user', content: 'Hi' }] }) })
  t.equal(completion.status, 429)
  t.match(await completion.json(), { error: { code: 'SERVER_BUSY', type: 'rate_limit_error' } })
  t.equal(front.leftovers().length, 0)
  abort.abort()
  await t.rejects(toEnd(events), { name: 'AbortError' })
  await Promise.all([front.quiet(), upstream.quiet()])
})

t.test('several upstreams share the requests, and one that is full passes them on', async t => {
  const upstreams = [await startService(t, { MAX_CONCURRENT_REQUESTS: '2' }, engine), await startService(t, { MAX_CONCURRENT_REQUESTS: '1' }, engine)]
  const front = await startFront(t, upstreams.map(({ url }) => url), { MAX_CONCURRENT_REQUESTS: '4' })
  const abort = new AbortController()
  const streams = [await begin(front.url, abort.signal), await begin(front.url, abort.signal)]
  t.same(upstreams.map(taken), [1, 1], 'the one with the fewest requests is asked')
  streams.push(await begin(front.url, abort.signal))
  t.same(upstreams.map(taken), [2, 1])
  t.equal((await askJson(front.url, { message: 'Hi' })).status, 429, 'all are full')
  abort.abort()
  for (const events of streams) await t.rejects(toEnd(events), { name: 'AbortError' })
  await Promise.all([front, ...upstreams].map(service => service.quiet()))
})

t.test('an upstream that is killed ends its answers, and is asked again when it is back', async t => {
  t.testdir({ uploads: {} })
  const port = await freePort()
  const upstream = await startProcess(t, port)
  const front = await startFront(t, [upstream.url])
  const events = await begin(front.url)
  upstream.child.kill('SIGSTOP')
  const waiting = ask(front.url, { message: 'What is in the picture?' }, [red])
  await until(() => taken(front) === 2)
  // Its request has come as far as the kernel of a process that stands still.
  await sleep(500)
  upstream.child.kill('SIGKILL')

  t.match(await toEnd(events), { event: 'error', data: { code: 'ENGINE_CRASHED' } }, 'in the middle of an answer')
  t.match(await waiting, { status: 503, body: { code: 'ENGINE_CRASHED' } }, 'and before its first word')
  await front.quiet()

  const refused = await ask(front.url, { message: 'Hi' })
  t.match(refused, { status: 503, body: { code: 'ENGINE_NOT_READY', error: /the model server cannot be reached/ } })
  t.match(refused.headers.get('retry-after'), /^\d+$/)
  t.equal((await fetch(`${front.url}/health/ready`)).status, 503)
  t.match(front.engine.info(), { state: 'restarting' })

  await startProcess(t, port)
  await readyAgain(front)
  t.equal((await ask(front.url, { message: 'What is in the picture?' }, [red])).body.response, 'A red circle on a white background.')
})

t.test('of two upstreams one may die', async t => {
  t.testdir({ uploads: {} })
  const mortal = await startProcess(t, await freePort())
  const other = await startService(t, { MAX_CONCURRENT_REQUESTS: '4' }, engine)
  const front = await startFront(t, [mortal.url, other.url], { MAX_CONCURRENT_REQUESTS: '4' })
  const streams = [await begin(front.url), await begin(front.url)]
  t.equal(taken(other), 1)
  mortal.child.kill('SIGKILL')
  await mortal.exited
  const endings = await Promise.all(streams.map(async events => {
    const { event, data } = (await toEnd(events))!
    return data.code ?? event
  }))
  t.same(endings.sort(), ['ENGINE_CRASHED', 'done'])
  for (let i = 0; i < 8; i++) t.equal((await ask(front.url, { message: 'What is in the picture?' }, [red])).body.response, 'A red circle on a white background.')
  t.equal(front.engine.info().state, 'ready')
})

t.test('a service that starts before its upstream waits for it', async t => {
  t.testdir({ uploads: {}, front: {} })
  const port = await freePort()
  const front = launch(t, { ENGINE: 'openai', ENGINE_URL: `http://127.0.0.1:${port}`, UPLOAD_DIR: path.join(t.testdirName, 'front') })
  await until(() => front.output().includes('the upstream is not ready'), front.output)
  t.match(front.output(), /ECONNREFUSED/)
  await startProcess(t, port)
  await until(() => front.output().includes(' answers on http'), front.output)
  t.match(front.output(), /with tiny-qwen2-vl-q8_0 on upstream, 3 slots of 8192 tokens/)
  const [, url] = /answers on (http\S+)/.exec(front.output())!
  t.equal((await ask(url!, { message: 'Hi' })).status, 200)
  front.child.kill('SIGTERM')
  t.match(await front.exited, { code: 0 })
})

t.test('closing the engine ends what runs', async t => {
  const upstream = await startService(t, {}, engine)
  const front = await createFrontEngine(t, [upstream.url])
  const request = { scope: '', turns: [{ role: 'user' as const, parts: [{ type: 'text' as const, text: 'Hi' }] }], tools: [], images: [], maxTokens: 3000, stop: [], grammar: null, format: LONG.response_format as never, sampling: {} }
  const events = front.generate(request, new AbortController().signal)[Symbol.asyncIterator]()
  t.match(await events.next(), { value: { type: 'token' } })
  await front.close()
  await t.rejects(async () => { while (!(await events.next()).done); }, { code: 'SHUTTING_DOWN' })
  await upstream.quiet()
  await t.rejects(front.inspect([], [], []), { code: 'SHUTTING_DOWN' })
})

t.test('a key is passed on', async t => {
  const upstream = await startService(t, { API_KEYS: 'key-of-the-front-0123456789' }, engine)
  const front = await startFront(t, [upstream.url], { ENGINE_API_KEY: 'key-of-the-front-0123456789' })
  t.equal((await ask(front.url, { message: 'What is in the picture?' }, [red])).body.response, 'A red circle on a white background.')
  const { engine: stranger, lines } = createUnreadyEngine(t, [upstream.url], { ENGINE_API_KEY: 'some-secret-of-mine' })
  await until(() => lines.length > 0)
  t.match(stranger.info(), { state: 'starting', reason: 'the model server has not answered yet' })
  t.match(lines[0], { msg: 'the upstream is not ready', reason: 'it refuses ENGINE_API_KEY' })
  t.notMatch(JSON.stringify(lines), /secret/)
  const closed = t.rejects(stranger.ready())
  await stranger.close()
  await closed
  t.equal(stranger.info().state, 'closed')
})

t.test('a model that the upstream does not serve is told to the operator', async t => {
  const upstream = await startService(t, {}, engine)
  const { engine: asking, lines } = createUnreadyEngine(t, [upstream.url], { ENGINE_MODEL: 'qwen' })
  await until(() => lines.length > 0)
  t.match(lines[0], { reason: `it serves no model ENGINE_MODEL=qwen, but ${engine.info().model}` })
  t.equal(asking.info().state, 'starting')
  const front = await startFront(t, [upstream.url], { ENGINE_MODEL: engine.info().model })
  t.equal((await ask(front.url, { message: 'Hi' })).status, 200)
})

t.test('a conversation that the upstream finds too long is said to be so, with its figures', async t => {
  const upstream = await startService(t, {}, engine)
  const front = await startFront(t, [upstream.url], { CONTEXT_SIZE: '32768' })
  const { status, body } = await askJson(front.url, { message: 'word '.repeat(6000) })
  t.match({ status, code: body.code }, { status: 413, code: 'PROMPT_TOO_LONG' })
  const here = await askJson(upstream.url, { message: 'word '.repeat(6000) })
  t.equal(body.error, here.body.error)
  t.equal((await askJson(front.url, { message: 'word '.repeat(31_000 / 5), history: Array.from({ length: 9 }, () => ({ role: 'user', content: 'word '.repeat(5000) })) })).body.code, 'PROMPT_TOO_LONG', 'as what is too long by our own count')
})
