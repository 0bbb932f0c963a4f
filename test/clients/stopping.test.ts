import { existsSync, readdirSync } from 'node:fs'
import { connect } from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { drawShape } from '../helper.ts'
import { connectRaw, formBody, formHead } from '../raw-client.ts'
import { isAlive, start, until } from '../server-process.ts'
import { getRequest, jsonRequest, longQuestion, wordsIn } from './clients.ts'

const WORDS = 800
const image = await drawShape('circle', 'red', 'white')

t.test('SIGTERM: readiness turns at once, who waits in the queue is sent away, and the running answer is told to its end', async t => {
  const server =
    await start(t, { UPLOAD_DIR: path.join(t.testdir(), 'uploads'), MAX_CONCURRENT_REQUESTS: '1', QUEUE_SIZE: '1' })
  const running = await connectRaw(server.port)
  running.send(jsonRequest('/api/chat_stream', longQuestion(WORDS)))
  await running.until(/event: token/)
  const queued = await connectRaw(server.port)
  queued.send(jsonRequest('/api/chat', { message: 'Hi' }))
  const queue = async () =>
    (await (await fetch(`${server.url}/api/status`)).json() as { queue: { length: number } }).queue.length
  while (await queue() === 0) await sleep(10)
  t.equal((await fetch(`${server.url}/health/ready`)).status, 200)

  server.child.kill('SIGTERM')
  t.match(await queued.until(/\}$/), /^HTTP\/1\.1 503 [^]*retry-after: 5\r\n[^]*"code":"SHUTTING_DOWN"/)
  const seen = running.received()
  // On new connections: whoever sends traffic here has not heard of it yet.
  const ready = await connectRaw(server.port)
  ready.send(getRequest('/health/ready'))
  t.match(await ready.until(/\}$/), /^HTTP\/1\.1 503 [^]*connection: close\r\n[^]*"status":"closing"/i)
  const live = await connectRaw(server.port)
  live.send(getRequest('/health/live'))
  t.match(await live.until(/\}$/), /^HTTP\/1\.1 200 /)
  const late = await connectRaw(server.port)
  late.send(jsonRequest('/v1/chat/completions', { model: 'any', messages: [] }))
  t.match(await late.until(/\}$/), /^HTTP\/1\.1 503 [^]*"code":"SHUTTING_DOWN"/)
  t.notMatch(seen, /event: done/, 'it was still running')

  const answer = await running.until(/event: done/)
  t.equal(
    wordsIn([...answer.matchAll(/"text":("(?:[^"\\]|\\.)*")/g)].map(match => JSON.parse(match[1]!)).join('')), WORDS
  )
  t.match(await server.exited, { code: 0 })
})

t.test('SIGTERM: beyond the grace time a running answer ends with an event that says so, and a client that reads nothing is not waited for', async t => {
  const uploads = path.join(t.testdir(), 'uploads')
  const server = await start(t, { UPLOAD_DIR: uploads, SHUTDOWN_GRACE: '0.5' })
  const running = await connectRaw(server.port)
  running.send(jsonRequest('/api/chat_stream', longQuestion(WORDS)))
  await running.until(/event: token/)
  const silent = connect(server.port, '127.0.0.1')
  silent.on('error', () => {})
  t.teardown(() => silent.destroy())
  // The stream waits behind more megabytes than the kernel keeps for a reader like this.
  silent.write(getRequest('/docs/static/swagger-ui-bundle.js').repeat(15) + jsonRequest('/api/chat_stream', {
    ...longQuestion(WORDS), images: [`data:image/png;base64,${image.toString('base64')}`]
  }))
  const taken = async () =>
    (await (await fetch(`${server.url}/api/status`)).json() as { slots: { taken: number } }).slots.taken
  while (await taken() < 2) await sleep(10)
  await until(() => existsSync(uploads) && readdirSync(uploads).length === 1)

  const startedAt = performance.now()
  server.child.kill('SIGTERM')
  const answer = await running.until(/event: error\ndata: .*\n\n/)
  t.match(answer, /"code":"SHUTTING_DOWN"/)
  t.notMatch(answer, /event: done/)
  t.match(await server.exited, { code: 0 })
  t.comment(`stopped after ${Math.round(performance.now() - startedAt)} ms`)
  t.same(readdirSync(uploads), [])
})

t.test('a second SIGTERM ends it at once, and the model with it', async t => {
  const uploads = path.join(t.testdir(), 'uploads')
  const server = await start(t, { UPLOAD_DIR: uploads, SHUTDOWN_GRACE: '600' })
  const engine = Number(/"engine":(\d+)/.exec(server.output())![1])
  const body = formBody('Hi', [Buffer.alloc(50_000)])
  const stuck = await connectRaw(server.port)
  stuck.send(formHead('/api/chat', body.length))
  stuck.send(body.subarray(0, 20_000))
  await until(() => existsSync(uploads) && readdirSync(uploads).length === 1)
  server.child.kill('SIGTERM')
  await until(() => server.output().includes('shutting down'))
  t.equal(server.child.exitCode, null)
  server.child.kill('SIGTERM')
  t.match(await server.exited, { code: 1 })
  t.match(server.output(), /second SIGTERM, exiting/)
  await until(() => !isAlive(engine))
  await stuck.closed
})
