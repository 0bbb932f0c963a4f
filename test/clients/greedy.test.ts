import { fork } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { createTestEngine, startService } from '../helper.ts'
import { connectRaw } from '../raw-client.ts'
import { until } from '../server-process.ts'
import { describePace, getRequest, jsonRequest, longQuestion, streamLong, wordsIn } from './clients.ts'
import type { HammerReport } from './hammer.ts'

const WORDS = 500
const engine = await createTestEngine(t)

t.test('requests that come at once on one connection are answered in their order, each with a slot of its own', async t => {
  const service = await startService(t, { MAX_CONCURRENT_REQUESTS: '2' }, engine)
  const client = await connectRaw(service.port)
  // No slot comes free before all of them are there.
  process.kill(engine.info().pid!, 'SIGSTOP')
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
  process.kill(engine.info().pid!, 'SIGCONT')
  const answers = await client.until(/"status":"ready"\}$/)
  t.same([...answers.matchAll(/HTTP\/1\.1 (\d+) /g)].map(match => Number(match[1])), [
    200, 200, 200, 429, 404, 429, 200
  ])
  t.match(
    answers,
    /"status":"ok"[^]*event: accepted[^]*event: done[^]*"success":true[^]*SERVER_BUSY[^]*NOT_FOUND[^]*SERVER_BUSY[^]*"status":"ready"/
  )
  await service.quiet()

  client.send(jsonRequest('/api/chat', { message: 'Hi' }))
  await client.until(/"status":"ready"\}[^]*HTTP\/1\.1 200 [^]*"success":true/)
  client.socket.destroy()
  await service.quiet()
})

t.test('a connection that asks for more at once than anybody needs is cut, and what it asked for with it', async t => {
  const service = await startService(t, {}, engine)
  const client = await connectRaw(service.port)
  client.socket.pause()
  let asked = 0
  service.app.server.on('request', () => asked++)
  // Sixteen wait; the next one ends it.
  client.send(jsonRequest('/api/chat_stream', longQuestion(800)) + getRequest('/openapi.json').repeat(15))
  await until(() => asked === 16)
  t.equal(service.app.slots.stats().taken, 1)
  client.send(getRequest('/openapi.json').repeat(1_000))
  client.socket.resume()
  await client.closed
  await service.quiet()
  t.equal((await fetch(`${service.url}/health/live`)).status, 200)
})

t.test('a running answer keeps its pace while somebody asks again at once after every 429', async t => {
  const service = await startService(t, { MAX_CONCURRENT_REQUESTS: '1' }, engine)
  await streamLong(service.url, WORDS)
  const alone = await streamLong(service.url, WORDS)

  // A process of its own, as clients are: here it would slow the service by its own work.
  const hammer = fork(
    new URL('hammer.ts', import.meta.url), [String(service.port)],
    { execArgv: ['--import', import.meta.resolve('tsx')] }
  )
  await once(hammer, 'message')
  const running = streamLong(service.url, WORDS)
  while (service.app.slots.stats().taken === 0) await new Promise(resolve => setTimeout(resolve, 1))
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
    'refused or, once the slot was free, answered'
  )
  t.equal(report.withoutRetryAfter, 0)
  t.comment(`${describePace(alone, hammered)}; ${JSON.stringify(report)}`)
  // Whatever else a machine has to do, it does not come to that; an answer that waits for refusals would.
  t.ok(hammered.ms < 20 * alone.ms)
  await service.quiet()
})
