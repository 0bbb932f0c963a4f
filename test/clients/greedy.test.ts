import { fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import t from 'tap'
import { ROOT } from '../../config/root.ts'
import { createTestEngine, startService } from '../helper.ts'
import { connectRaw } from '../raw-client.ts'
import { until } from '../server-process.ts'
import { describePace, getRequest, jsonRequest, longQuestion, pause, streamLong, wordsIn } from './clients.ts'
import type { HammerReport } from './hammer.ts'

const WORDS = 500
const engine = await createTestEngine(t)

t.test('pipelined requests on one connection are answered in order, each with its own slot', async t => {
  const service = await startService(t, { MAX_CONCURRENT_REQUESTS: '2' }, engine)
  const client = await connectRaw(service.port)
  // No slot becomes free before all requests have arrived.
  const paused = pause(engine.info().pid!)
  client.send([
    getRequest('/health/live'),
    jsonRequest('/api/chat_stream', longQuestion(60)),
    jsonRequest('/api/chat', { message: 'Hi' }),
    jsonRequest('/api/chat', { message: 'one too many' }),
    getRequest('/nowhere'),
    jsonRequest('/v1/chat/completions', {
      model: engine.info().model, messages: [{ role: 'user', content: 'and another' }]
    }),
    getRequest('/health/ready')
  ].join(''))
  await until(() => service.app.slots.stats().rejected === 2)
  t.match(service.app.slots.stats(), { served: 2, taken: 2 })
  paused.resume()
  const answers = await client.until(/"status":"ready"\}$/)
  t.same([...answers.matchAll(/HTTP\/1\.1 (\d+) /g)].map(match => Number(match[1])), [
    200, 200, 200, 429, 404, 429, 200
  ])
  t.match(
    answers,
    new RegExp([
      '"status":"ok"', 'event: accepted', 'event: done', '"success":true', 'SERVER_BUSY', 'NOT_FOUND', 'SERVER_BUSY',
      '"status":"ready"'
    ].join('[^]*'))
  )
  await service.quiet()

  client.send(jsonRequest('/api/chat', { message: 'Hi' }))
  await client.until(/"status":"ready"\}[^]*HTTP\/1\.1 200 [^]*"success":true/)
  client.socket.destroy()
  await service.quiet()
})

t.test('a connection with too many unanswered requests is cut, and its requests end', async t => {
  const service = await startService(t, {}, engine)
  const client = await connectRaw(service.port)
  client.socket.pause()
  let asked = 0
  service.app.server.on('request', () => asked++)
  // Sixteen requests may wait; the next one ends the connection.
  client.send(jsonRequest('/api/chat_stream', longQuestion(800)) + getRequest('/openapi.json').repeat(15))
  await until(() => asked === 16)
  t.equal(service.app.slots.stats().taken, 1)
  client.send(getRequest('/openapi.json').repeat(1_000))
  client.socket.resume()
  await client.closed
  await service.quiet()
  t.equal((await fetch(`${service.url}/health/live`)).status, 200)
})

t.test('a running answer keeps its pace while a client retries immediately after every 429', async t => {
  const service = await startService(t, { MAX_CONCURRENT_REQUESTS: '1' }, engine)
  await streamLong(service.url, WORDS)
  const alone = await streamLong(service.url, WORDS)

  // The client is a separate process: in this one its own work would slow the service.
  const hammer = fork(
    path.join(ROOT, 'test/clients/hammer.ts'), [String(service.port)],
    { execArgv: ['--import', import.meta.resolve('tsx')] }
  )
  await once(hammer, 'message')
  const running = streamLong(service.url, WORDS)
  await until(() => service.app.slots.stats().taken === 1)
  hammer.send('go')
  const hammered = await running
  const rejected = service.app.slots.stats().rejected
  hammer.send('stop')
  const [report] = await once(hammer, 'message') as [HammerReport]

  t.equal(hammered.events.at(-1), 'done')
  t.equal(wordsIn(hammered.text), WORDS)
  t.ok(rejected > 100, `${rejected} refusals meanwhile`)
  t.same(
    Object.keys(report.statuses).filter(status => !['200', '429'].includes(status)), [],
    'each request is refused or, once the slot is free, answered'
  )
  t.equal(report.withoutRetryAfter, 0)
  t.comment(`${describePace(alone, hammered)}; ${JSON.stringify(report)}`)
  // Other load on the machine stays below this bound; an answer that waits for the refusals would exceed it.
  t.ok(hammered.ms < 20 * alone.ms)
  await service.quiet()
})
