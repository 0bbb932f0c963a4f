import t from 'tap'
import { createTestEngine, startService } from '../helper.ts'
import { connectRaw, formHead } from '../raw-client.ts'
import { jsonHead } from '../clients/clients.ts'

/** Half of a JSON body that is larger than its limit. */
const HALF = 'x'.repeat(200_000)
const LENGTH = `Content-Length: ${2 * HALF.length}\r\n`

const engine = await createTestEngine(t)

t.test('a body that is refused while it is parsed is discarded, and its connection stays usable', async t => {
  const service = await startService(t, { JSON_BODY_LIMIT_MB: '0.1' }, engine)
  const head = (headers: string) => jsonHead('/api/chat', headers)
  const chunk = `${HALF.length.toString(16)}\r\n${HALF}\r\n`
  for (const [name, start, rest, code] of [
    ['too large by its length', head(LENGTH) + HALF, HALF, 'BODY_TOO_LARGE'],
    ['too large in chunks', head('Transfer-Encoding: chunked\r\n') + chunk, `${chunk}0\r\n\r\n`, 'BODY_TOO_LARGE'],
    ['no JSON', `${head('Content-Length: 1\r\n')}{`, '', 'INVALID_JSON']
  ] as const) {
    const client = await connectRaw(service.port)
    client.send(start)
    const answer = await client.until(/"code":"[A-Z_]+"/)
    t.match(answer, `"code":"${code}"`, name)
    t.notMatch(answer, /^connection: close/mi, 'a connection that is closed at once may lose the answer')
    client.send(`${rest}GET /health/live HTTP/1.1\r\nHost: test\r\n\r\n`)
    t.match(await client.until(/"status":"ok"/), /200 OK/, name)
    client.socket.destroy()
    await service.quiet()
  }
})

t.test('many refused bodies in a row on one connection leave no listeners on it', async t => {
  const service = await startService(t, { JSON_BODY_LIMIT_MB: '0.1' }, engine)
  const warnings: string[] = []
  const warned = (warning: Error) => warnings.push(warning.message)
  process.on('warning', warned)
  t.teardown(() => process.off('warning', warned))
  const client = await connectRaw(service.port)
  const refused = 12
  for (let count = 1; count <= refused; count++) {
    client.send(jsonHead('/api/chat', LENGTH) + HALF)
    await client.until(new RegExp(`(?:BODY_TOO_LARGE[^]*){${count}}`))
    client.send(HALF)
  }
  client.socket.destroy()
  await service.quiet()
  t.same(warnings, [])
})

t.test('a connection that closes after a refusal stays open until the sender has sent its body', async t => {
  const service = await startService(t, { JSON_BODY_LIMIT_MB: '0.1' }, engine)
  const closing = jsonHead('/api/chat', `Connection: close\r\n${LENGTH}`)
  for (const head of [closing, jsonHead('/api/chat', LENGTH).replace('HTTP/1.1', 'HTTP/1.0')]) {
    const client = await connectRaw(service.port)
    client.send(head + HALF)
    t.match(await client.until(/"code":"[A-Z_]+"/), /^HTTP\/1\.1 413 [^]*"code":"BODY_TOO_LARGE"/)
    await new Promise(resolve => setTimeout(resolve, 100))
    t.equal(client.socket.readyState, 'open', 'a sender whose connection is closed early may lose the answer')
    client.send(HALF)
    await client.closed
    await service.quiet()
  }
})

t.test('a client that stops in the middle of a refused body gets no second answer', async t => {
  const service = await startService(t, { JSON_BODY_LIMIT_MB: '0.1' }, engine)
  const client = await connectRaw(service.port)
  client.send(jsonHead('/api/chat', LENGTH) + HALF)
  await client.until(/"code":"BODY_TOO_LARGE"/)
  client.socket.end()
  await client.closed
  t.same(client.received().match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 413'])
})

t.test('the rest of a refused body is discarded up to 64 MiB, then the connection is cut', async t => {
  const service = await startService(t, { API_KEYS: 'a-key-of-the-team-0123456789' }, engine)
  const client = await connectRaw(service.port)
  client.send(formHead('/api/chat', 1_000_000_000))
  await client.until(/UNAUTHORIZED/)
  const piece = Buffer.alloc(1024 * 1024)
  let sent = 0
  const over = client.closed.then(() => { sent = Infinity })
  for (; sent < 200; sent++) {
    await new Promise<void>(
      resolve => { if (!client.socket.write(piece, () => resolve())) client.socket.once('close', () => resolve()) }
    )
    if (sent === 60) t.notOk(client.socket.destroyed, '60 MiB are still discarded')
  }
  await over
  t.ok(client.socket.destroyed)
})

t.test('senders of refused bodies can read their answer while the service stops', async t => {
  const service = await startService(t, {}, engine)
  const body = 40 * 1024 * 1024
  const senders = await Promise.all(Array.from({ length: 5 }, () => connectRaw(service.port)))
  service.app.slots.close()
  const over = Promise.all(senders.map(async sender => {
    sender.send(formHead('/api/chat', body))
    sender.send(Buffer.alloc(body))
    return await sender.until(/"code":"[A-Z_]+"/)
  }))
  await new Promise(resolve => service.app.server.once('request', resolve))
  const closed = service.app.close()
  for (const answer of await over) t.match(answer, /^HTTP\/1\.1 503 [^]*SHUTTING_DOWN/)
  await closed
})

t.test('a body that no route reads is not asked for', async t => {
  const service = await startService(t, {}, engine)
  const expecting = (path: string, type: string) =>
    `POST ${path} HTTP/1.1\r\nHost: test\r\nContent-Type: ${type}\r\n` +
    'Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n'
  for (const [path, type, status] of [
    ['/api/cats', 'application/json', 404], ['/api/chat', 'text/plain', 415],
    ['/v1/chat/completions', 'multipart/form-data; boundary=x', 415]
  ] as const) {
    const client = await connectRaw(service.port)
    client.send(expecting(path, type))
    t.match(await client.until(/"code":"[A-Z_]+"/), new RegExp(`^HTTP/1.1 ${status} `), `${path} ${type}`)
    client.socket.destroy()
  }
  const client = await connectRaw(service.port)
  client.send(expecting('/api/chat', 'application/json; charset=utf-8'))
  t.match(await client.until(/\r\n\r\n/), /^HTTP\/1\.1 100 Continue/)
  client.socket.destroy()
  await service.quiet()
})
