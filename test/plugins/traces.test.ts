import { execFileSync } from 'node:child_process'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { buildApp } from '../../app.ts'
import { loadConfig } from '../../config/config.ts'
import { ROOT } from '../../config/root.ts'
import type { Engine } from '../../services/engine/engine.ts'
import { createTraces } from '../../services/tracing/otlp.ts'
import { jsonRequest } from '../clients/clients.ts'
import { ask, createForm, createTestEngine, drawShape, post } from '../helper.ts'
import { connectRaw } from '../raw-client.ts'
import { start, until } from '../server-process.ts'
import { createFrontEngine, EMBEDDED, say, startScripted } from '../services/engine/upstream/front.ts'
import { begin, LONG } from '../services/engine/upstream/long-answers.ts'
import { startCollector, treeOf, type Collector, type CollectedSpan } from './collector.ts'

const engine = await createTestEngine(t)
const red = await drawShape('circle', 'red', 'white')
const blue = await drawShape('square', 'blue', 'yellow')
const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const DROPPED = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00'
const SERVER = 2

/** A service that exports traces to a collector, and the lines that it logs. */
async function startTraced (t: Test, endpoint: string, env: Record<string, string> = {}, own: Engine = engine) {
  const config =
    loadConfig({ UPLOAD_DIR: t.testdir({}), LLAMA_GPU: 'off', OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, ...env })
  const lines: Array<Record<string, any>> = []
  const log = pino({}, { write: (line: string) => { lines.push(JSON.parse(line)) } })
  const traces = createTraces({ ...config.traces!, version: '1.2.3', log, batchDelayMs: 50 })
  const app = await buildApp({ config, engine: { ...own, close: async () => {} }, logger: log, traces })
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  return { app, lines, url: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}` }
}

/** The root span of a request, once the collector has received it. */
async function rootOf ({ spans }: Collector, id: string): Promise<CollectedSpan> {
  const find = () => spans.find(span => span.attributes['sightline.request_id'] === id)
  await until(() => find() !== undefined)
  return find()!
}

t.test('a request has a root span with a child per stage, with metrics and without contents', async t => {
  const collector = await startCollector(t)
  const { url, lines } = await startTraced(
    t, collector.url, { OTEL_SERVICE_NAME: 'pictures', OTEL_EXPORTER_OTLP_HEADERS: 'x-token=se%20cret' }
  )
  const { body } = await ask(
    url, { message: 'Describe the images.', system: 'Speak of porcupines.' }, [{ data: red, name: 'holiday.png' }, blue]
  )
  t.match(body.response, /a red circle/)
  const root = await rootOf(collector, body.request_id)

  t.match(root, { name: 'POST /api/chat', kind: SERVER, status: {} })
  t.notOk(root.parentSpanId)
  const stages = ['upload', 'prepare', 'encode', 'prefill', 'decode']
  t.same(treeOf(collector.spans, root), stages)
  const own = collector.spans.filter(span => span.traceId === root.traceId)
  t.equal(own.length, 6)
  for (const { startTimeUnixNano: start, endTimeUnixNano: end, status } of own) {
    t.ok(BigInt(start) >= BigInt(root.startTimeUnixNano) && BigInt(start) <= BigInt(end) &&
      BigInt(end) <= BigInt(root.endTimeUnixNano))
    t.not(status.code, 2)
  }
  const { attributes } = root
  t.match(attributes, {
    'http.request.method': 'POST',
    'http.route': '/api/chat',
    'gen_ai.operation.name': 'chat',
    'gen_ai.response.model': body.model,
    'gen_ai.response.finish_reasons': ['stop']
  })
  const numbers = [
    'http.response.status_code', 'gen_ai.usage.input_tokens', 'gen_ai.usage.output_tokens',
    'sightline.usage.image_tokens', 'sightline.images'
  ].map(name => Number(attributes[name]))
  t.same(numbers, [200, body.usage.prompt_tokens, body.usage.completion_tokens, body.usage.image_tokens, 2])
  t.match(collector.resource(), { 'service.name': 'pictures', 'service.version': '1.2.3' })
  t.equal(collector.headers[0]!['x-token'], 'se cret')

  for (const word of ['Describe', 'porcupines', 'holiday', 'circle', 'square', 'sha256']) {
    t.notMatch(collector.text(), word)
  }
  const ownLines = lines.filter(it => it.reqId === body.request_id && it.msg !== 'incoming request')
  t.ok(['image preparation finished', 'temporary files cleaned up', 'request completed'].every(msg =>
    ownLines.some(it => it.msg === msg)))
  t.ok(ownLines.every(it => it.trace_id === root.traceId), 'log lines contain the id of the trace')
})

t.test('a streamed answer to text has the same spans, except encoding', async t => {
  const collector = await startCollector(t)
  const { url } = await startTraced(t, collector.url)
  const response = await fetch(`${url}/api/chat_stream`, { method: 'POST', body: createForm({ message: 'Hi' }) })
  await response.text()
  const root = await rootOf(collector, response.headers.get('x-request-id')!)
  t.equal(root.name, 'POST /api/chat_stream')
  t.same(treeOf(collector.spans, root), ['upload', 'prepare', 'prefill', 'decode'])
})

t.test('spans of failed requests have the error code, and no quotes of the request', async t => {
  const collector = await startCollector(t)
  const { app, url } = await startTraced(t, collector.url, { MAX_CONCURRENT_REQUESTS: '1' })
  const slot = app.slots.tryTake()!
  const busy = await ask(url, { message: 'Hi' })
  slot.release()
  const refused = await rootOf(collector, busy.body.request_id)
  t.match(refused, { name: 'POST /api/chat', status: {}, attributes: { 'error.type': 'SERVER_BUSY' } })
  t.not(refused.status.code, 2, 'a refusal is not an error of the service')
  t.same([Number(refused.attributes['http.response.status_code']), treeOf(collector.spans, refused)], [429, []])

  const { body } = await ask(url, { message: 'Hi' }, [{ data: red.subarray(0, 60), name: 'porcupine.png' }])
  const corrupt = await rootOf(collector, body.request_id)
  t.equal(corrupt.attributes['error.type'], 'CORRUPT_IMAGE')
  t.match(body.error, /porcupine/)
  t.notMatch(collector.text(), /porcupine/)
  t.same(corrupt.events, [])
})

t.test('spans show the stage in which a client left', async t => {
  const collector = await startCollector(t)
  const { url, app } = await startTraced(t, collector.url)
  const left = new AbortController()
  await begin(url, left.signal)
  left.abort()
  await until(() => collector.spans.some(span => span.kind === SERVER))
  const root = collector.spans.find(span => span.kind === SERVER)!
  t.equal(root.attributes['error.type'], 'CLIENT_LEFT')
  t.same(treeOf(collector.spans, root), ['upload', 'prepare', 'prefill', 'decode'])
  t.equal(collector.spans.find(span => span.name === 'decode')!.status.code, 2)
  t.equal(app.slots.stats().taken, 0, 'the span ends with the slot')
})

t.test('the spans of pipelined requests end with their connection', async t => {
  const warnings: Error[] = []
  const onWarning = (warning: Error) => warnings.push(warning)
  process.on('warning', onWarning)
  t.teardown(() => process.off('warning', onWarning))
  const collector = await startCollector(t)
  const { url, app } = await startTraced(t, collector.url, { MAX_CONCURRENT_REQUESTS: '1' })
  const client = await connectRaw(Number(new URL(url).port))
  client.send(jsonRequest('/api/chat', LONG))
  await until(() => app.slots.stats().taken === 1)
  client.send(jsonRequest('/api/chat', { message: 'Hi' }).repeat(13))
  await until(() => app.slots.stats().rejected === 13)
  client.socket.destroy()
  const roots = () => collector.spans.filter(span => span.kind === SERVER)
  await until(() => roots().length === 14, () => `${roots().length} spans`)
  t.same(new Set(roots().map(span => span.attributes['error.type'])), new Set(['CLIENT_LEFT', 'SERVER_BUSY']))
  t.equal(app.slots.stats().taken, 0)
  t.same(warnings, [])
})

t.test('the traceparent header of a trusted proxy is used, that of other clients is ignored', async t => {
  const collector = await startCollector(t)
  const strange = await startTraced(t, collector.url)
  const trusting = await startTraced(t, collector.url, { TRUST_PROXY: 'loopback' })
  const askAs = async (url: string, traceparent: string) =>
    (await post(url, { body: createForm({ message: 'Hi' }), headers: { traceparent } })).body.request_id
  const alone = await rootOf(collector, await askAs(strange.url, DROPPED))
  t.notOk(alone.parentSpanId)
  const [, traceId, spanId] = PARENT.split('-')
  t.match(await rootOf(collector, await askAs(trusting.url, PARENT)), { traceId, parentSpanId: spanId })

  const before = collector.spans.length
  const dropped = await askAs(trusting.url, DROPPED)
  await rootOf(collector, await askAs(trusting.url, 'garbage'))
  t.notOk(
    collector.spans.some(span => span.attributes['sightline.request_id'] === dropped),
    'its parent is not recorded either'
  )
  t.ok(collector.spans.length > before)
})

t.test('the sampler records its share of the traces', async t => {
  const collector = await startCollector(t)
  const none = await startTraced(
    t, collector.url, { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' }
  )
  const all = await startTraced(t, collector.url, { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '1' })
  await ask(none.url, { message: 'Hi' })
  await rootOf(collector, (await ask(all.url, { message: 'Hi' })).body.request_id)
  t.equal(collector.spans.filter(span => span.kind === SERVER).length, 1)
})

t.test('an upstream receives the trace in a traceparent header', async t => {
  const collector = await startCollector(t)
  const upstream = await startScripted(t, response => say(response, 'Yes.'))
  const { url } = await startTraced(t, collector.url, EMBEDDED, await createFrontEngine(t, [upstream.url]))
  const root = await rootOf(collector, (await ask(url, { message: 'Hi' }, [red])).body.request_id)
  t.equal(upstream.asked[0]!.headers.traceparent, `00-${root.traceId}-${root.spanId}-01`)
  t.same(treeOf(collector.spans, root), ['upload', 'prepare', 'prefill', 'decode'])
})

t.test('a collector that is unreachable or does not answer neither delays answers nor the shutdown', async t => {
  const silentSockets: Array<{ destroy (): void }> = []
  const silent = createServer(socket => silentSockets.push(socket))
  await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of silentSockets) socket.destroy()
    silent.close()
  })
  const away = await startTraced(t, 'http://127.0.0.1:9')
  const mute = await startTraced(t, `http://127.0.0.1:${(silent.address() as AddressInfo).port}`)
  for (const { url } of [away, mute]) {
    for (let i = 0; i < 5; i++) {
      t.equal(
        (await ask(url, { message: 'What is in the picture?' }, [red])).body.response,
        'A red circle on a white background.'
      )
    }
  }
  await until(() => silentSockets.length > 0)
  for (const { app } of [away, mute]) {
    const from = performance.now()
    await app.close()
    t.ok(performance.now() - from < 4500, `closed after ${(performance.now() - from).toFixed(0)} ms`)
  }
})

t.test('the log reports a refusing collector once, and its recovery once', async t => {
  let status = 400
  const collector = createHttpServer((request, response) => {
    request.resume()
    response.writeHead(status).end('{}')
  })
  await new Promise<void>(resolve => collector.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    collector.closeAllConnections()
    collector.close()
  })
  const { url, lines } = await startTraced(t, `http://127.0.0.1:${(collector.address() as AddressInfo).port}`)
  const said = (word: RegExp) => lines.filter(line => word.test(line.msg)).length
  for (let i = 0; i < 3; i++) {
    await ask(url, { message: 'Hi' })
    await until(() => said(/trace export failing/) === 1)
  }
  status = 200
  await ask(url, { message: 'Hi' })
  await until(() => said(/trace export working again/) === 1)
  t.match([said(/trace export failing/), lines.find(line => /trace export failing/.test(line.msg))!.reason], [1, '400'])
})

t.test('the remaining spans are exported when the service stops', async t => {
  const collector = await startCollector(t)
  const { app, url } = await startTraced(t, collector.url)
  await ask(url, { message: 'Hi' })
  await app.close()
  t.equal(collector.spans.filter(span => span.kind === SERVER).length, 1)
})

t.test('the service process exports traces as its environment says, and exits in time', async t => {
  const collector = await startCollector(t)
  const { child, url, exited } =
    await start(t, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, UPLOAD_DIR: t.testdir({}) })
  const { body } = await ask(url, { message: 'What is in the picture?' }, [red])
  child.kill('SIGTERM')
  t.match(await exited, { code: 0 })
  const root = collector.spans.find(span => span.attributes['sightline.request_id'] === body.request_id)!
  t.same(treeOf(collector.spans, root), ['upload', 'prepare', 'encode', 'prefill', 'decode'])
})

t.test('without a collector no OpenTelemetry package is loaded except the API, which prom-client needs', async t => {
  const script = `
    await import('./app.ts')
    await import('./services/engine/create-engine.ts')
    const { createRequire } = await import('node:module')
    const loaded = Object.keys(createRequire(process.cwd() + '/x.js').cache)
    console.log(loaded.length > 100, loaded.filter(file => /@opentelemetry\\W+(?!api\\W)/.test(file)).length)`
  const output = execFileSync(
    process.execPath, ['--import=tsx', '--input-type=module', '--eval', script], { cwd: ROOT, encoding: 'utf8' }
  )
  t.equal(output.trim(), 'true 0')
  t.equal(loadConfig({}).traces, null)
})
