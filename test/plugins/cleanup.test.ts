import { readdirSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import sharp from 'sharp'
import t, { type Test } from 'tap'
import { ask, askStream, createForm, drawShape, readEvents, startService, type TestService } from '../helper.ts'
import { jsonHead, jsonRequest, longForm, pause } from '../clients/clients.ts'
import { connectRaw, formBody, formHead } from '../raw-client.ts'
import { until } from '../server-process.ts'

const image = await drawShape('square', 'blue', 'yellow')
/** Large and noisy, so that its preparation takes a while. */
const large = await sharp({
  create: {
    width: 6000, height: 4000, channels: 3, background: 'green', noise: { type: 'gaussian', mean: 128, sigma: 60 }
  }
}).jpeg().toBuffer()
let copies = 0
/** The same pixels with another id: decoders ignore bytes after the end of an image. */
const fresh = () => Buffer.concat([large, Buffer.from(String(copies++))])

const service = await startService(t)
const enginePid = () => service.engine.info().pid!
const uploadFolder = () => path.join(service.config.uploadDir, service.leftovers()[0]!)

/** A conversation whose prefill takes many rounds. */
const longHistory = JSON.stringify(
  Array.from({ length: 24 }, (_, i) => ({ role: i % 2 ? 'assistant' : 'user', content: 'red circle '.repeat(40) }))
)

/** Streams an answer until an event of this name arrives, then leaves. */
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

/** Expects that slots and files are freed and that the next request is answered. */
async function healthy (t: Test, of: TestService = service): Promise<void> {
  await of.quiet()
  t.same(of.leftovers(), [])
  t.equal(of.app.slots.stats().free, of.config.maxConcurrentRequests)
  const { status, body } = await ask(of.url, { message: 'What is in the picture?' }, [image])
  t.equal(status, 200)
  t.equal(body.response, 'A blue square on a yellow background.')
  await of.quiet()
}

t.test('after success, streamed or not, slot and files are freed before the last byte arrives', async t => {
  for (const send of [ask, askStream]) {
    const { status } = await send(service.url, { message: 'What is in the picture?' }, [image, large])
    t.equal(status, 200)
    t.same(service.leftovers(), [])
    t.equal(service.app.slots.stats().taken, 0)
  }
})

t.test('the original and the compressed file exist while the request runs', async t => {
  const response = await fetch(`${service.url}/api/chat_stream`, {
    method: 'POST', body: createForm({ message: 'What is in the picture?' }, [fresh()])
  })
  let files: string[] = []
  let paused = { resume () {} }
  for await (const { event } of readEvents(response)) {
    if (event === 'accepted') paused = pause(enginePid())
    if (event !== 'image') continue
    files = readdirSync(uploadFolder())
    paused.resume()
  }
  t.same(files.sort(), ['0.upload', '0_compressed.png'])
  await healthy(t)
})

t.test('an image that the engine has cached is not prepared again', async t => {
  const image = fresh()
  // The answer is long, so that the request still runs when its first events are read.
  const fields = longForm(300)
  const first = await ask(service.url, fields, [image])
  const response =
    await fetch(`${service.url}/api/chat_stream`, { method: 'POST', body: createForm(fields, [image]) })
  let files: string[] = []
  let text = ''
  for await (const { event, data } of readEvents(response)) {
    if (event === 'image') files = readdirSync(uploadFolder())
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
  await until(() => service.leftovers().length === 1)
  client.socket.destroy()
  await healthy(t)
})

t.test('a client that leaves during preparation', async t => {
  await leaveAt('accepted', { message: 'Describe the images.' }, [fresh(), fresh(), fresh()])
  await healthy(t)
})

t.test('a client that leaves during preparation without having requested a stream', async t => {
  const controller = new AbortController()
  const images = [fresh(), fresh()]
  const asking = fetch(`${service.url}/api/chat`, {
    method: 'POST', body: createForm({ message: 'Hi' }, images), signal: controller.signal
  })
  const isUploaded = () => service.leftovers().length === 1 &&
    statSync(path.join(uploadFolder(), '1.upload'), { throwIfNoEntry: false })?.size === images[1]!.length
  await until(isUploaded)
  controller.abort()
  await t.rejects(asking, { name: 'AbortError' })
  await healthy(t)
})

t.test('a client that leaves during prefill', async t => {
  await leaveAt('progress', { message: 'And this?', history: longHistory }, [image])
  await healthy(t)
})

t.test('a client that leaves in the middle of the stream', async t => {
  await leaveAt('token', { message: 'What is in the picture?' }, [image])
  await healthy(t)
})

t.test('a request that exceeds REQUEST_TIMEOUT gets 504 TIMEOUT, or an error event', async t => {
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

t.test('a slow sender gets 408 UPLOAD_TIMEOUT, with a form or with JSON', async t => {
  const impatient = await startService(t, { UPLOAD_TIMEOUT: '0.2' }, service.engine)
  const form = await connectRaw(impatient.port)
  const body = formBody('Hi', [fresh()])
  form.send(formHead('/api/chat', body.length))
  form.send(body.subarray(0, 5000))
  t.match(await form.until(/UPLOAD_TIMEOUT/), /^HTTP\/1\.1 408 /)

  const json = await connectRaw(impatient.port)
  json.send(jsonHead('/api/chat', 'Content-Length: 1000\r\n') + '{"message":')
  t.match(await json.until(/UPLOAD_TIMEOUT/), /^HTTP\/1\.1 408 /)
  await impatient.quiet()
  form.socket.destroy()
  json.socket.destroy()
})

t.test('an image file that disappears before the engine reads it ends the request with ENGINE_ERROR', async t => {
  const response = await fetch(`${service.url}/api/chat_stream`, {
    method: 'POST', body: createForm({ message: 'What is in the picture?' }, [fresh()])
  })
  const seen: Array<{ event: string, data: { code?: string } }> = []
  let paused = { resume () {} }
  for await (const it of readEvents(response)) {
    seen.push(it)
    if (it.event === 'accepted') paused = pause(enginePid())
    if (it.event === 'image') {
      for (const file of readdirSync(uploadFolder())) rmSync(path.join(uploadFolder(), file))
      paused.resume()
    }
  }
  t.match(seen.at(-1), { event: 'error', data: { code: 'ENGINE_ERROR' } })
  t.notMatch(JSON.stringify(seen), /uploads/, 'the error contains no path')
  await healthy(t)
})

t.test('a refused request whose response is queued behind another one ends with its connection', async t => {
  const paused = pause(enginePid())
  const client = await connectRaw(service.port)
  client.send(['Hi', '', 'Hi again'].map(message => jsonRequest('/api/chat', { message })).join(''))
  await until(() => service.app.slots.stats().taken >= 2)
  client.socket.destroy()
  await client.closed
  paused.resume()
  await healthy(t)
})
