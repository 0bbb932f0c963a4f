import t from 'tap'
import { createTestEngine, startService } from '../helper.ts'
import { connectRaw } from '../raw-client.ts'
import { until } from '../server-process.ts'
import { getRequest, jsonHead, jsonRequest, longQuestion } from './clients.ts'

const engine = await createTestEngine(t)
const service = await startService(t, {}, engine)

/** Sends bytes on a new connection and parses the answer, after which the service must close the connection. */
async function answerTo (bytes: string | Buffer) {
  const client = await connectRaw(service.port)
  client.send(bytes)
  const text = await client.until(/\}$/)
  await client.closed
  const [, status, head, body] = /^HTTP\/1\.1 (\d+) [^\r]+\r\n([^]*)\r\n\r\n(\{.*\})$/.exec(text)!
  const headers = new Map(head!.split('\r\n').map(line => line.split(': ') as [string, string]))
  t.equal(Number(headers.get('content-length')), Buffer.byteLength(body!))
  t.equal(headers.get('connection'), 'close')
  return { status: Number(status), id: headers.get('x-request-id'), body: JSON.parse(body!) as Record<string, unknown> }
}

t.test('a request head that is too large is refused in the shape of all errors', async t => {
  for (const bytes of [
    `GET /api/status HTTP/1.1\r\nHost: test\r\nX-Large: ${'x'.repeat(17_000)}\r\n\r\n`,
    getRequest(`/api/status?${'x'.repeat(17_000)}`),
    `GET /api/status HTTP/1.1\r\nHost: test\r\n${'X-Many: x\r\n'.repeat(3_000)}\r\n`,
    // The answer arrives while the rest of the head is still being sent.
    `POST /api/chat HTTP/1.1\r\nHost: test\r\nX-Large: ${'x'.repeat(4_000_000)}\r\n\r\n`
  ]) {
    const { status, id, body } = await answerTo(bytes)
    t.equal(status, 431)
    t.strictSame(body, {
      error: 'The URL and headers of the request are larger than 16 KB', code: 'HEADERS_TOO_LARGE', request_id: id
    })
  }
  const just = await connectRaw(service.port)
  just.send(`GET /health/live HTTP/1.1\r\nHost: test\r\nX-Large: ${'x'.repeat(15_000)}\r\n\r\n`)
  t.match(await just.until(/\}$/), /^HTTP\/1\.1 200 /)
  just.socket.destroy()
})

t.test('invalid HTTP is refused in the shape of all errors', async t => {
  for (const bytes of [
    'hello\r\n\r\n',
    Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xFC, 0x03, 0x03]),
    'GET /health/live HTTP/9.9\r\nHost: test\r\n\r\n',
    'GET /health/live HTTP/1.1\r\nHost: test\r\nBad Header: x\r\n\r\n',
    'POST /api/chat HTTP/1.1\r\nHost: test\r\nContent-Length: ten\r\n\r\n',
    'POST /api/chat HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'POST /api/chat HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello'
  ]) {
    const { status, id, body } = await answerTo(bytes)
    t.equal(status, 400)
    t.strictSame(body, { error: 'The request is not valid HTTP', code: 'MALFORMED_REQUEST', request_id: id })
  }
  t.match(service.app.slots.stats(), { served: 0, taken: 0 })
})

t.test('a chunked body that becomes invalid frees the slot', async t => {
  const client = await connectRaw(service.port)
  client.send(`${jsonHead('/api/chat', 'Transfer-Encoding: chunked\r\n')}5\r\n{"mes\r\n`)
  await until(() => service.app.slots.stats().taken === 1)
  client.send('this is no chunk\r\n')
  t.match(await client.until(/\}$/), /^HTTP\/1\.1 400 [^]*"code":"MALFORMED_REQUEST"/)
  await client.closed
  await service.quiet()
})

t.test('invalid HTTP during a stream closes the connection, and no error is written into the stream', async t => {
  const client = await connectRaw(service.port)
  client.send(jsonRequest('/api/chat_stream', longQuestion(500)))
  await client.until(/event: token/)
  client.send('hello\r\n\r\n')
  await client.closed
  t.notMatch(client.received(), /MALFORMED_REQUEST|HTTP\/1\.1 400|event: done/)
  await service.quiet()
})

t.test('a connection that is reset in the middle of a request head does no harm', async t => {
  const client = await connectRaw(service.port)
  client.send('GET /health/live HTTP/1.1\r\nHo')
  client.socket.resetAndDestroy()
  await client.closed
  t.equal((await fetch(`${service.url}/health/live`)).status, 200)
})
