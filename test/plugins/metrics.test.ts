import Fastify from 'fastify'
import sharp from 'sharp'
import t from 'tap'
import errors from '../../plugins/errors.ts'
import metricsPlugin from '../../plugins/metrics.ts'
import chatRoute from '../../routes/chat.ts'
import type { ChatService } from '../../services/chat/answer.ts'
import { jsonRequest, longQuestion } from '../clients/clients.ts'
import { ask, askStream, createForm, createTestEngine, drawShape, startService } from '../helper.ts'
import { connectRaw, formBody, formHead } from '../raw-client.ts'
import { until } from '../server-process.ts'

const engine = await createTestEngine(t)
const red = await drawShape('circle', 'red', 'white')
const blue = await drawShape('square', 'blue', 'yellow')

/** Metrics by name and labels, e.g. `sightline_tokens_total{kind="prompt"}`. */
async function figuresOf (url: string): Promise<Map<string, number>> {
  const response = await fetch(`${url}/metrics`)
  t.match(response.headers.get('content-type'), /^text\/plain; version=0\.0\.4/)
  const lines = (await response.text()).split('\n').filter(line => line !== '' && !line.startsWith('#'))
  t.same(lines.filter(line =>
    !/^[a-z_]\w*(\{[a-z_]\w*="[^"]*"(,[a-z_]\w*="[^"]*")*\})? (-?[\d.e+-]+|Nan|\+Inf)$/.test(line)), [])
  return new Map(lines.map(line => {
    const at = line.lastIndexOf(' ')
    return [line.slice(0, at), Number(line.slice(at + 1))]
  }))
}

t.test('every request is counted once, by its ending', async t => {
  const service = await startService(t, { MAX_CONCURRENT_REQUESTS: '2' }, engine)
  const { url } = service
  const { body } = await ask(url, { message: 'Describe the images.' }, [red, blue])
  await askStream(url, { message: 'What is in picture 2?' }, [red])
  await ask(url, { message: 'Hi', temperature: 'warm' })
  await ask(url, { message: 'Hi' }, [red.subarray(0, 60)])
  // A request that is refused before admission.
  await fetch(`${url}/v1/chat/completions`, {
    method: 'POST', body: '{', headers: { 'content-type': 'application/json' }
  })
  const taken = [service.app.slots.tryTake()!, service.app.slots.tryTake()!]
  await ask(url, { message: 'Hi' })
  const busy = await figuresOf(url)
  for (const slot of taken) slot.release()

  // A client that leaves during its answer.
  const left = new AbortController()
  const response = await fetch(`${url}/api/chat_stream`, {
    method: 'POST',
    signal: left.signal,
    body: createForm({
      message: 'Hi',
      response_format: '{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"string","minLength":20000}}}'
    })
  })
  await response.body!.getReader().read()
  left.abort()
  await service.quiet()

  const figures = await figuresOf(url)
  const endings = Object.fromEntries([...figures].filter(([name]) => name.startsWith('sightline_requests_total')).map(
    ([name, count]) => [name.replace('sightline_requests_total', ''), count]
  ))
  t.same(endings, {
    '{route="/api/chat",ending="ANSWERED"}': 1,
    '{route="/api/chat_stream",ending="ANSWERED"}': 1,
    '{route="/api/chat",ending="INVALID_FIELD"}': 1,
    '{route="/api/chat",ending="CORRUPT_IMAGE"}': 1,
    '{route="/v1/chat/completions",ending="INVALID_JSON"}': 1,
    '{route="/api/chat",ending="SERVER_BUSY"}': 1,
    '{route="/api/chat_stream",ending="CLIENT_LEFT"}': 1
  })
  t.equal(busy.get('sightline_slots_taken'), 2)
  for (const [name, value] of Object.entries({
    slots: 2, slots_taken: 0, queue_length: 0, upload_folders: 0, engine_ready: 1, engine_restarts: 0, vram_bytes: 0
  })) t.equal(figures.get(`sightline_${name}`), value, name)

  t.equal(figures.get('sightline_pictures_total{cached="false",format="png"}'), 2)
  t.equal(figures.get('sightline_pictures_total{cached="true",format="png"}'), 1)
  t.equal(figures.get('sightline_decoder_threads_ended_total{reason="slow"}'), 0)
  t.ok(figures.get('sightline_tokens_total{kind="prompt"}')! > body.usage.prompt_tokens)
  for (const stage of ['queue', 'upload', 'prepare', 'encode', 'prefill', 'decode', 'first_token', 'total']) {
    t.equal(figures.get(`sightline_stage_seconds_count{stage="${stage}"}`), 2, stage)
  }
  t.ok(figures.get('sightline_stage_seconds_sum{stage="total"}')! >= body.timings.total_ms / 1000)
  t.ok(figures.get('sightline_token_gap_seconds_count')! >= body.usage.completion_tokens / 2)
  t.ok(figures.get('sightline_image_cache_pictures')! >= 2)
  t.ok(figures.get('sightline_engine_resident_bytes')! > 1e6)
  t.ok(figures.get('process_resident_memory_bytes')! > 1e6)
})

t.test('/metrics needs a key if the service has keys', async t => {
  const { url } = await startService(t, { API_KEYS: 'a-key-of-the-team-0123456789' }, engine)
  t.equal((await fetch(`${url}/metrics`)).status, 401)
  t.equal(
    (await fetch(`${url}/metrics`, { headers: { authorization: 'Bearer a-key-of-the-team-0123456789' } })).status, 200
  )
})

/** The number of requests by ending, over all routes. */
async function endingsOf (url: string): Promise<Record<string, number>> {
  const endings: Record<string, number> = {}
  for (const [name, count] of await figuresOf(url)) {
    const ending = /^sightline_requests_total\{.*ending="(.*)"\}$/.exec(name)?.[1]
    if (ending !== undefined) endings[ending] = (endings[ending] ?? 0) + count
  }
  return endings
}

t.test('a request whose client leaves before the last byte counts as CLIENT_LEFT', async t => {
  const service = await startService(t, { MAX_CONCURRENT_REQUESTS: '1' }, engine)
  for (const path of ['/api/chat', '/api/chat_stream']) {
    const client = await connectRaw(service.port)
    // The client reads nothing, and it leaves while the answer is being generated.
    client.socket.pause()
    client.send(jsonRequest(path, longQuestion(900)))
    await until(() => service.app.slots.stats().taken === 1)
    client.socket.destroy()
    await service.quiet()
  }
  t.same(await endingsOf(service.url), { CLIENT_LEFT: 2 })
})

t.test('a request whose answer cannot be written counts once, with the error as its ending', async t => {
  const { app } = await startService(t, {}, engine)
  const counted: string[] = []
  app.metrics.ended = (_route, ending) => { counted.push(ending) }
  // JSON cannot represent a bigint, so writing the answer fails.
  const chat = {
    async * answer () { yield { type: 'done', result: { tokens: 1n } } }, anticipate: async () => {}
  } as unknown as ChatService
  const own = Fastify()
  t.teardown(() => own.close())
  await own.register(errors)
  await own.register(metricsPlugin, { metrics: app.metrics })
  own.decorateRequest('work', null)
  own.decorateRequest('upload', null)
  own.addHook('onRequest', async request => {
    request.setDecorator('work', {
      signal: new AbortController().signal,
      startedAt: 0,
      slot: { waitedMs: 0 },
      run: (task: () => unknown) => task(),
      end: async () => {}
    })
    request.setDecorator('upload', { images: [], historyImages: [], uploadMs: 0 })
    request.client = { scope: '' }
  })
  await own.register(chatRoute, { chat, bodyLimit: 1000 })
  const url = await own.listen({ port: 0, host: '127.0.0.1' })
  const response = await fetch(`${url}/api/chat`, {
    method: 'POST', body: '{"message":"Hi"}', headers: { 'content-type': 'application/json' }
  })
  t.match([response.status, await response.json()], [500, { code: 'INTERNAL' }])
  t.same(counted, ['INTERNAL'])
})

t.test('pipelined requests that leave the queue count once each', async t => {
  const service = await startService(t, { MAX_CONCURRENT_REQUESTS: '1', QUEUE_SIZE: '20' }, engine)
  const slot = service.app.slots.tryTake()!
  const client = await connectRaw(service.port)
  client.send(jsonRequest('/api/chat', { message: 'Hi' }).repeat(5))
  await until(() => service.app.slots.stats().queued === 5)
  client.socket.destroy()
  await until(() => service.app.slots.stats().queued === 0)
  slot.release()
  await service.quiet()
  t.same(await endingsOf(service.url), { CLIENT_LEFT: 5 })
})

t.test('a client that leaves while its image is prepared counts as CLIENT_LEFT, not as an error', async t => {
  const service = await startService(t, { MAX_CONCURRENT_REQUESTS: '1' }, engine)
  const { ended } = service.app.metrics
  const counted: string[] = []
  service.app.metrics.ended = (route, ending) => {
    counted.push(ending)
    ended(route, ending)
  }
  const photo = await sharp({ create: { width: 3000, height: 2000, channels: 3, background: 'red' } }).jpeg().toBuffer()
  const body = formBody('What is in the picture?', [photo])
  for (let delayMs = 0; delayMs < 24; delayMs++) {
    const client = await connectRaw(service.port)
    client.send(formHead('/api/chat', body.length))
    client.send(body)
    await new Promise(resolve => setTimeout(resolve, delayMs))
    client.socket.destroy()
    await until(() => counted.length > delayMs)
    await service.quiet()
  }
  t.same([...new Set(counted)].filter(ending => ending !== 'ANSWERED'), ['CLIENT_LEFT'])
})
