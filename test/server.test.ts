import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { createForm, drawShape, readEvents } from './helper.ts'
import { connectRaw, formBody, formHead } from './raw-client.ts'
import { isAlive, launch, start, until } from './server-process.ts'

const image = await drawShape('circle', 'red', 'white')
const QUESTION = 'What is in the picture?'

t.test('kill -9 leaves an upload folder that the next start removes; the engine process ends too', async t => {
  const uploads = path.join(t.testdir(), 'uploads')
  const first = await start(t, { UPLOAD_DIR: uploads })
  const enginePid = Number(/"engine":(\d+)/.exec(first.output())![1])
  t.ok(isAlive(enginePid))
  const client = await connectRaw(first.port)
  const body = formBody(QUESTION, [Buffer.alloc(500_000)])
  client.send(formHead('/api/chat', body.length))
  client.send(body.subarray(0, 100_000))
  await until(() => existsSync(uploads) && readdirSync(uploads).length === 1)
  first.child.kill('SIGKILL')
  t.match(await first.exited, { signal: 'SIGKILL' })
  t.equal(readdirSync(uploads).length, 1)
  await until(() => !isAlive(enginePid))

  mkdirSync(path.join(uploads, 'not-ours'))
  const second = await start(t, { UPLOAD_DIR: uploads })
  t.same(readdirSync(uploads), ['not-ours'])
  t.match(second.output(), /removed folders of dead processes/)
  second.child.kill('SIGTERM')
  t.match(await second.exited, { code: 0 })
})

t.test('SIGTERM: running answers finish, new requests get 503, then exit 0 with nothing left', async t => {
  const uploads = path.join(t.testdir(), 'uploads')
  const server = await start(t, { UPLOAD_DIR: uploads })
  const body = formBody(QUESTION, [image])
  const running = await connectRaw(server.port)
  running.send(formHead('/api/chat_stream', body.length))
  running.send(body.subarray(0, body.length - 10))
  const idle = await connectRaw(server.port)
  await until(() => existsSync(uploads) && readdirSync(uploads).length === 1)

  server.child.kill('SIGTERM')
  await until(() => server.output().includes('shutting down'))
  idle.send(formHead('/api/chat', body.length))
  t.match(await idle.until(/"code":"[A-Z_]+"/), /503 Service Unavailable[^]*SHUTTING_DOWN/)
  idle.socket.destroy()
  running.send(body.subarray(body.length - 10))
  const answer = await running.until(/event: done/)
  const text = [...answer.matchAll(/"text":("[^"]*")/g)].map(match => JSON.parse(match[1]!)).join('')
  t.equal(text, 'A red circle on a white background.')
  t.match(await server.exited, { code: 0 })
  t.same(readdirSync(uploads), [])
})

t.test('SIGTERM: requests that do not finish within the grace time are ended, with nothing left', async t => {
  const uploads = path.join(t.testdir(), 'uploads')
  const server = await start(t, { UPLOAD_DIR: uploads, SHUTDOWN_GRACE: '0.3' })
  const body = formBody(QUESTION, [image])
  const stuck = await connectRaw(server.port)
  stuck.send(formHead('/api/chat', body.length))
  stuck.send(body.subarray(0, body.length - 10))
  await until(() => existsSync(uploads) && readdirSync(uploads).length === 1)
  server.child.kill('SIGTERM')
  t.match(await stuck.until(/"code":"[A-Z_]+"/), /503 Service Unavailable[^]*SHUTTING_DOWN/)
  t.match(await server.exited, { code: 0 })
  t.same(readdirSync(uploads), [])
})

t.test('an invalid setting stops the start with one line that names the setting', async t => {
  const server = launch(t, { MAX_CONCURRENT_REQUESTS: 'banana' })
  t.match(await server.exited, { code: 1 })
  t.match(
    server.output(),
    /^Sightline cannot start: MAX_CONCURRENT_REQUESTS must be auto or an integer from 1 to 64, got "banana"\n$/
  )
})

t.test('a missing model stops the start with one sentence', async t => {
  const server = launch(t, { MODEL: '/no/such/model.gguf', UPLOAD_DIR: t.testdir() })
  t.match(await server.exited, { code: 1 })
  t.match(
    server.output(), /"reason":"MODEL=\/no\/such\/model\.gguf is neither a file nor a preset.*"service cannot start"/
  )
})

t.test('settings are read from .env as well, and /api/status reports the limits and the demo model', async t => {
  const dir = t.testdir({ '.env': 'MAX_IMAGES=2\n' })
  const before = process.cwd()
  process.chdir(dir)
  t.teardown(() => process.chdir(before))
  const server = await start(t, { UPLOAD_DIR: path.join(dir, 'uploads') })
  const status =
    await (await fetch(`${server.url}/api/status`)).json() as { limits: { max_images: number }, notice: string }
  t.equal(status.limits.max_images, 2)
  t.match(status.notice, /tiny demonstration model[^]*MODEL=qwen3\.5-4b/)
  t.match(server.output(), /tiny demonstration model/)
  const stream =
    await fetch(`${server.url}/api/chat_stream`, { method: 'POST', body: createForm({ message: QUESTION }, [image]) })
  const events = []
  for await (const { event } of readEvents(stream)) events.push(event)
  t.equal(events.at(-1), 'done')
})
