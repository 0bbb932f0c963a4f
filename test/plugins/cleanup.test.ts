import { readdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import sharp from 'sharp'
import t, { type Test } from 'tap'
import { ask, askStream, createForm, drawShape, readEvents, startService, type TestService } from '../helper.ts'
import { connectRaw, formBody, formHead } from '../raw-client.ts'

const image = await drawShape('square', 'blue', 'yellow')
/** Takes a good while to prepare. */
const large = await sharp({
  create: {
    width: 6000, height: 4000, channels: 3, background: 'green', noise: { type: 'gaussian', mean: 128, sigma: 60 }
  }
}).jpeg().toBuffer()
let copies = 0
/** The same image for people, another one for caches: what stands behind its end is nobody's concern. */
const fresh = () => Buffer.concat([large, Buffer.from(String(copies++))])

const service = await startService(t)

/** A conversation whose prompt takes many slices. */
const longHistory = JSON.stringify(
  Array.from({ length: 24 }, (_, i) => ({ role: i % 2 ? 'assistant' : 'user', content: 'red circle '.repeat(40) }))
)

/** Streams an answer until an event of this kind came, then leaves. */
async function leaveAt (event: string, fields: Record<string, string>, images: Buffer[]): Promise<void> {
  const controller = new AbortController()
  const response = await fetch(`${service.url}/api/chat_stream`, {
    method: 'POST', body: createForm(fields, images), signal: controller.signal
  })
  for await (const it of readEvents(response)) {
    if (it.event === event) break
  }
  controller.abort()
}

/** Everything as it was, and the next request answered. */
async function healthy (t: Test, of: TestService = service): Promise<void> {
  await of.quiet()
  t.same(of.leftovers(), [])
  t.equal(of.app.slots.stats().free, of.config.maxConcurrentRequests)
  const { status, body } = await ask(of.url, { message: 'What is in the picture?' }, [image])
  t.equal(status, 200)
  t.equal(body.response, 'A blue square on a yellow background.')
  await of.quiet()
}

t.test('after success, streamed or not, nothing is left when the last byte is there', async t => {
  for (const send of [ask, askStream]) {
    const { status } = await send(service.url, { message: 'What is in the picture?' }, [image, large])
    t.equal(status, 200)
    t.same(service.leftovers(), [])
    t.equal(service.app.slots.stats().taken, 0)
  }
})

t.test('original and _compressed file are there while the request runs', async t => {
  const response = await fetch(`${service.url}/api/chat_stream`, {
    method: 'POST', body: createForm({ message: 'What is in the picture?' }, [fresh()])
  })
  let files: string[] = []
  for await (const { event } of readEvents(response)) {
    if (event === 'image') files = readdirSync(path.join(service.config.uploadDir, service.leftovers()[0]!))
  }
  t.same(files.sort(), ['0.upload', '0_compressed.png'])
  await healthy(t)
})

t.test('a picture that the engine knows is not prepared again', async t => {
  const image = fresh()
  const first = await ask(service.url, { message: 'What is in the picture?' }, [image])
  const response = await fetch(`${service.url}/api/chat_stream`, {
    method: 'POST', body: createForm({ message: 'What is in the picture?' }, [image])
  })
  let files: string[] = []
  let text = ''
  for await (const { event, data } of readEvents(response)) {
    if (event === 'image') files = readdirSync(path.join(service.config.uploadDir, service.leftovers()[0]!))
    if (event === 'token') text += data.text
    if (event === 'image') t.match(data, { cached: true, compressed: true })
  }
  t.same(files, ['0.upload'])
  t.equal(text, first.body.response)
  await healthy(t)
})

t.test('a client that leaves during the upload', async t => {
  const client = await connectRaw(service.port)
  const body = formBody('What is in the picture?', [fresh()])
  client.send(formHead('/api/chat', body.length))
  client.send(body.subarray(0, 200_000))
  while (service.leftovers().length === 0) await new Promise(resolve => setTimeout(resolve, 5))
  client.socket.destroy()
  await healthy(t)
})

t.test('a client that leaves during preparation', async t => {
  await leaveAt('accepted', { message: 'Describe the images.' }, [fresh(), fresh(), fresh()])
  await healthy(t)
})

t.test('a client that leaves during preparation and waits for no stream', async t => {
  const controller = new AbortController()
  const asking = fetch(`${service.url}/api/chat`, {
    method: 'POST', body: createForm({ message: 'Hi' }, [fresh(), fresh()]), signal: controller.signal
  })
  while (service.app.slots.stats().taken === 0) await new Promise(resolve => setTimeout(resolve, 5))
  setTimeout(() => controller.abort(), 100)
  await t.rejects(asking, { name: 'AbortError' })
  await healthy(t)
})

t.test('a client that leaves while the prompt is evaluated', async t => {
  await leaveAt('progress', { message: 'And this?', history: longHistory }, [image])
  await healthy(t)
})

t.test('a client that leaves in the middle of the stream', async t => {
  await leaveAt('token', { message: 'What is in the picture?' }, [image])
  await healthy(t)
})

t.test('a request that takes too long gets 504 TIMEOUT, or an error event', async t => {
  const hasty = await startService(t, { REQUEST_TIMEOUT: '0.15' }, service.engine)
  const plain = await ask(hasty.url, { message: 'Hi' }, [fresh()])
  t.equal(plain.status, 504)
  t.match(plain.body, { code: 'TIMEOUT', error: /0\.15 seconds/ })
  await hasty.quiet()

  const { status, events } = await askStream(hasty.url, { message: 'Hi' }, [fresh()])
  if (status === 200) t.match(events.at(-1), { event: 'error', data: { code: 'TIMEOUT' } })
  else t.match(events.at(-1)!.data, { code: 'TIMEOUT' })
  await hasty.quiet()
  t.same(hasty.leftovers(), [])
})

t.test('a slow sender gets 408 UPLOAD_TIMEOUT, whatever it sends', async t => {
  const impatient = await startService(t, { UPLOAD_TIMEOUT: '0.2' }, service.engine)
  const form = await connectRaw(impatient.port)
  const body = formBody('Hi', [fresh()])
  form.send(formHead('/api/chat', body.length))
  form.send(body.subarray(0, 5000))
  t.match(await form.until(/UPLOAD_TIMEOUT/), /^HTTP\/1\.1 408 /)

  const json = await connectRaw(impatient.port)
  json.send(
    'POST /api/chat HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"message":'
  )
  t.match(await json.until(/UPLOAD_TIMEOUT/), /^HTTP\/1\.1 408 /)
  await impatient.quiet()
  form.socket.destroy()
  json.socket.destroy()
})

t.test('an error of the model', async t => {
  // The child stands still while the image that it is about to read is taken away.
  const { pid } = service.engine.info()
  const response = await fetch(`${service.url}/api/chat_stream`, {
    method: 'POST', body: createForm({ message: 'What is in the picture?' }, [fresh()])
  })
  const seen: Array<{ event: string, data: { code?: string } }> = []
  for await (const it of readEvents(response)) {
    seen.push(it)
    if (it.event === 'accepted') process.kill(pid!, 'SIGSTOP')
    if (it.event === 'image') {
      const folder = path.join(service.config.uploadDir, service.leftovers()[0]!)
      for (const file of readdirSync(folder)) rmSync(path.join(folder, file))
      process.kill(pid!, 'SIGCONT')
    }
  }
  t.match(seen.at(-1), { event: 'error', data: { code: 'ENGINE_ERROR' } })
  t.notMatch(JSON.stringify(seen), /uploads/, 'no path of ours')
  await healthy(t)
})

t.test('a refused request whose response is queued behind another one ends with its connection', async t => {
  const post = (body: string) =>
    `POST /api/chat HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  const { pid } = service.engine.info()
  process.kill(pid!, 'SIGSTOP')
  const client = await connectRaw(service.port)
  client.send(post('{"message":"Hi"}') + post('{"message":""}') + post('{"message":"Hi again"}'))
  while (service.app.slots.stats().taken < 2) await new Promise(resolve => setTimeout(resolve, 5))
  client.socket.destroy()
  await client.closed
  process.kill(pid!, 'SIGCONT')
  await healthy(t)
})
