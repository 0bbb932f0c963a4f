import { existsSync, readdirSync } from 'node:fs'
import { connect } from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { drawShape } from '../helper.ts'
import { connectRaw, formBody, formHead } from '../raw-client.ts'
import { isAlive, start, until } from '../server-process.ts'
import { getRequest, jsonRequest, longQuestion, pause, streamedText, wordsIn } from './clients.ts'

const WORDS = 800
const image = await drawShape('circle', 'red', 'white')

const enginePid = (output: string) => Number(/"engine":(\d+)/.exec(output)![1])

t.test('SIGTERM: readiness and the queue answer 503 at once, and the running answer finishes', async t => {
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
  const paused = pause(enginePid(server.output()))

  server.child.kill('SIGTERM')
  t.match(await queued.until(/\}$/), /^HTTP\/1\.1 503 [^]*retry-after: 5\r\n[^]*"code":"SHUTTING_DOWN"/)
  const seen = running.received()
  // New connections, as from a load balancer that has not noticed the stop yet.
  const ready = await connectRaw(server.port)
  ready.send(getRequest('/health/ready'))
  t.match(await ready.until(/\}$/), /^HTTP\/1\.1 503 [^]*connection: close\r\n[^]*"status":"closing"/i)
  const live = await connectRaw(server.port)
  live.send(getRequest('/health/live'))
  t.match(await live.until(/\}$/), /^HTTP\/1\.1 200 /)
  const late = await connectRaw(server.port)
  late.send(jsonRequest('/v1/chat/completions', { model: 'any', messages: [] }))
  t.match(await late.until(/\}$/), /^HTTP\/1\.1 503 [^]*"code":"SHUTTING_DOWN"/)
  t.notMatch(seen, /event: done/, 'the answer was still running')

  paused.resume()
  t.equal(wordsIn(streamedText(await running.until(/event: done/))), WORDS)
  t.match(await server.exited, { code: 0 })
})

t.test('SIGTERM: after the grace time running answers end with an error event, read or not', async t => {
  const uploads = path.join(t.testdir(), 'uploads')
  const server = await start(t, { UPLOAD_DIR: uploads, SHUTDOWN_GRACE: '0.5' })
  const running = await connectRaw(server.port)
  running.send(jsonRequest('/api/chat_stream', longQuestion(WORDS)))
  await running.until(/event: token/)
  const silent = connect(server.port, '127.0.0.1')
  silent.on('error', () => {})
  t.teardown(() => silent.destroy())
  // The stream waits behind more megabytes than the kernel buffers for a client that does not read.
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

t.test('a second SIGTERM ends the service and the engine process at once', async t => {
  const uploads = path.join(t.testdir(), 'uploads')
  const server = await start(t, { UPLOAD_DIR: uploads, SHUTDOWN_GRACE: '600' })
  const engine = enginePid(server.output())
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
