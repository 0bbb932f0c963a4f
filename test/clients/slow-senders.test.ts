import t from 'tap'
import { ask, createTestEngine, drawShape, startService } from '../helper.ts'
import { connectRaw, formBody, formHead } from '../raw-client.ts'
import { until } from '../server-process.ts'
import { drip, jsonHead } from './clients.ts'

const image = await drawShape('circle', 'red', 'white')
const engine = await createTestEngine(t)

t.test('a client that sends a request head byte by byte, or nothing at all, gets 408 and never a slot', async t => {
  const service = await startService(t, { HEADERS_TIMEOUT: '0.6', MAX_CONCURRENT_REQUESTS: '1' }, engine)
  const clients = await Promise.all(Array.from({ length: 30 }, () => connectRaw(service.port)))
  const head = Buffer.from(formHead('/api/chat', 1000, `X-Padding: ${'x'.repeat(8000)}\r\n`))
  for (const client of clients.slice(1)) drip(client, head, 40)
  const { status, body } = await ask(service.url, { message: 'What is in the picture?' }, [image])
  t.equal(status, 200, 'the only slot is free for others')
  t.equal(body.response, 'A red circle on a white background.')

  for (const client of clients) {
    const [, id, answer] =
      /^HTTP\/1\.1 408 Request Timeout\r\n[^]*x-request-id: ([0-9a-f-]{36})\r\n[^]*\r\n\r\n(\{.*\})$/.exec(
        await client.until(/\}$/)
      )!
    t.strictSame(JSON.parse(answer!), {
      error: 'The request did not arrive completely in time', code: 'REQUEST_INCOMPLETE', request_id: id
    })
    await client.closed
  }
  t.match(service.app.slots.stats(), { served: 1, rejected: 0, taken: 0 })
})

t.test('a client that sends an upload byte by byte gets 408, and its slot is free while it continues', async t => {
  const service = await startService(t, { UPLOAD_TIMEOUT: '0.6', MAX_CONCURRENT_REQUESTS: '3' }, engine)
  const form = formBody('Hi', [image, Buffer.alloc(10_000)])
  const json =
    Buffer.from(JSON.stringify({ message: 'Hi', images: [`data:image/png;base64,${image.toString('base64')}`] }))
  const chunk = (bytes: Buffer) =>
    Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')])
  const multipart = await connectRaw(service.port)
  multipart.send(formHead('/api/chat_stream', form.length))
  multipart.send(form.subarray(0, form.length - 9000))
  drip(multipart, form.subarray(form.length - 9000), 40)

  const plain = await connectRaw(service.port)
  plain.send(jsonHead('/v1/chat/completions', `Content-Length: ${json.length}\r\n`))
  drip(plain, json, 40)

  const chunked = await connectRaw(service.port)
  chunked.send(jsonHead('/api/chat', 'Transfer-Encoding: chunked\r\n'))
  drip(chunked, Buffer.concat(Array.from(json, byte => chunk(Buffer.of(byte)))), 40)

  const clients = [multipart, plain, chunked]
  await until(() => service.app.slots.stats().served === clients.length)
  for (const client of clients) {
    t.match(await client.until(/"code":"[A-Z_]+"/), /^HTTP\/1\.1 408 [^]*"code":"UPLOAD_TIMEOUT"/)
  }
  await service.quiet()
  t.notOk(clients.some(({ socket }) => socket.destroyed), 'the clients are still sending')
  t.equal((await ask(service.url, { message: 'What is in the picture?' }, [image])).status, 200)
  for (const { socket } of clients) socket.destroy()
  await service.quiet()
})

t.test('a form whose media type has capital letters gets 408 too', async t => {
  const service = await startService(t, { UPLOAD_TIMEOUT: '0.6', MAX_CONCURRENT_REQUESTS: '1' }, engine)
  const faults: unknown[] = []
  const addFault = (fault: unknown) => { faults.push(fault) }
  process.on('unhandledRejection', addFault)
  t.teardown(() => process.off('unhandledRejection', addFault))
  const form = formBody('Hi', [image])
  const client = await connectRaw(service.port)
  client.send(formHead('/api/chat', form.length).replace('multipart/form-data', 'Multipart/Form-Data'))
  client.send(form.subarray(0, form.length - 100))
  t.match(await client.until(/"code":"[A-Z_]+"/), /^HTTP\/1\.1 408 [^]*"code":"UPLOAD_TIMEOUT"/)
  await service.quiet()
  // An unhandled rejection would stop the service.
  t.strictSame(faults, [])
  client.socket.destroy()
})

t.test('a client that gets 100 Continue and then sends nothing loses its slot', async t => {
  const service = await startService(t, { UPLOAD_TIMEOUT: '1', MAX_CONCURRENT_REQUESTS: '1' }, engine)
  const client = await connectRaw(service.port)
  client.send(formHead('/api/chat', 1000, 'Expect: 100-continue\r\n'))
  await client.until(/100 Continue/)
  t.equal(service.app.slots.stats().taken, 1)
  t.match(await client.until(/"code":"[A-Z_]+"/), /HTTP\/1\.1 408 [^]*"code":"UPLOAD_TIMEOUT"/)
  await service.quiet()
  client.socket.destroy()
})
