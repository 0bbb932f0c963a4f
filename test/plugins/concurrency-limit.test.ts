import t from 'tap'
import { askStream, createTestEngine, drawShape, startService, type TestService } from '../helper.ts'
import { connectRaw, formBody, formHead } from '../raw-client.ts'
import { until } from '../server-process.ts'
import { jsonRequest } from '../clients/clients.ts'

const image = await drawShape('circle', 'red', 'white')
const engine = await createTestEngine(t)

/** Takes free slots with the heads of requests whose bodies are never sent. Destroying a client frees its slot. */
async function occupy ({ app, port }: TestService, count: number) {
  const clients = await Promise.all(Array.from({ length: count }, async () => {
    const client = await connectRaw(port)
    client.send(formHead('/api/chat', 1000))
    return client
  }))
  await until(() => app.slots.stats().taken === count)
  return clients
}

const hasQueued = ({ app }: TestService, count: number) => until(() => app.slots.stats().queued === count)

t.test('four concurrent streams on three slots: three answers and one 429', async t => {
  const service = await startService(t, {}, engine)
  const results =
    await Promise.all([1, 2, 3, 4].map(() => askStream(service.url, { message: 'What is in the picture?' }, [image])))
  const statuses = results.map(result => result.status).sort()
  t.same(statuses, [200, 200, 200, 429])
  for (const { status, text, events } of results) {
    if (status === 200) t.equal(text, 'A red circle on a white background.')
    else t.match(events[0]!.data, { code: 'SERVER_BUSY', error: /busy/, request_id: String })
  }
  await service.quiet()
})

t.test('a 429 arrives before the body is sent, and no folder is created', async t => {
  const service = await startService(t, {}, engine)
  const holders = await occupy(service, 3)

  const client = await connectRaw(service.port)
  const size = 15 * 1024 * 1024
  client.send(formHead('/api/chat', size))
  const answer = await client.until(/"code":"SERVER_BUSY"/)
  t.match(answer, /^HTTP\/1\.1 429 /)
  t.match(answer, /^retry-after: \d+\r$/mi)
  t.same(service.leftovers(), [])

  // The body is discarded as it arrives, slowly, and the connection stays usable.
  for (let sent = 0; sent < size; sent += 1024 * 1024) {
    client.send(Buffer.alloc(1024 * 1024))
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  client.send('GET /health/live HTTP/1.1\r\nHost: test\r\n\r\n')
  t.match(await client.until(/"status":"ok"/), /200 OK/)
  client.socket.destroy()

  for (const holder of holders) holder.socket.destroy()
  await service.quiet()
})

t.test('only an admitted request gets 100 Continue', async t => {
  const service = await startService(t, {}, engine)
  const holders = await occupy(service, 3)

  const refused = await connectRaw(service.port)
  refused.send(formHead('/api/chat', 1000, 'Expect: 100-continue\r\n'))
  const answer = await refused.until(/SERVER_BUSY/)
  t.match(answer, /^HTTP\/1\.1 429/)
  t.notMatch(answer, /100 Continue/)
  for (const holder of holders) holder.socket.destroy()
  await service.quiet()

  const admitted = await connectRaw(service.port)
  const body = formBody('What is in the picture?', [image])
  admitted.send(formHead('/api/chat', body.length, 'Expect: 100-continue\r\n'))
  t.match(await admitted.until(/100 Continue\r\n\r\n/), /^HTTP\/1\.1 100/)
  admitted.send(body)
  t.match(await admitted.until(/"response":/), /A red circle on a white background\./)
  admitted.socket.destroy()
  await service.quiet()
})

t.test('a request waits in the queue, and a request beyond the queue is refused', async t => {
  const service = await startService(t, { MAX_CONCURRENT_REQUESTS: '1', QUEUE_SIZE: '1' }, engine)
  const [holder] = await occupy(service, 1)
  const queued = askStream(service.url, { message: 'Hi' })
  await hasQueued(service, 1)
  const refused = await askStream(service.url, { message: 'Hi' })
  t.equal(refused.status, 429)

  holder!.socket.destroy()
  const answer = await queued
  t.equal(answer.status, 200)
  t.ok(answer.events.at(-1)!.data.timings.queue_ms > 0)
  await service.quiet()
})

t.test('a request that waits too long in the queue gets 503 QUEUE_TIMEOUT', async t => {
  const service = await startService(t, { MAX_CONCURRENT_REQUESTS: '1', QUEUE_SIZE: '1', QUEUE_TIMEOUT: '0.1' }, engine)
  const [holder] = await occupy(service, 1)
  const { status, events } = await askStream(service.url, { message: 'Hi' })
  t.equal(status, 503)
  t.match(events[0]!.data, { code: 'QUEUE_TIMEOUT', error: /0\.1 seconds/ })
  holder!.socket.destroy()
  await service.quiet()
})

t.test('a client that leaves while it waits in the queue frees its place', async t => {
  const service = await startService(t, { MAX_CONCURRENT_REQUESTS: '1', QUEUE_SIZE: '1' }, engine)
  const [holder] = await occupy(service, 1)
  const leaver = await connectRaw(service.port)
  leaver.send(formHead('/api/chat', 0))
  await hasQueued(service, 1)
  leaver.socket.destroy()
  await hasQueued(service, 0)
  holder!.socket.destroy()
  await service.quiet()
  t.equal(service.app.slots.stats().served, 1)
})

t.test('one slot serves sequential questions of a client without a single 429', async t => {
  const service = await startService(t, { MAX_CONCURRENT_REQUESTS: '1' }, engine)
  for (const path of ['/api/chat', '/api/chat_stream']) {
    for (let i = 0; i < 40; i++) {
      const response = await fetch(service.url + path, {
        method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"message":"Hi"}'
      })
      t.equal(response.status, 200)
      await response.text()
    }
  }
  await service.quiet()
})

t.test('requests that are pipelined on one connection leave the queue when it closes', async t => {
  const service = await startService(t, { MAX_CONCURRENT_REQUESTS: '1', QUEUE_SIZE: '100' }, engine)
  const warnings: Error[] = []
  const onWarning = (warning: Error) => warnings.push(warning)
  process.on('warning', onWarning)
  t.teardown(() => process.off('warning', onWarning))
  const [holder] = await occupy(service, 1)
  const request = jsonRequest('/api/chat', { message: 'Hi' })
  for (const end of ['destroy', 'resetAndDestroy', 'end'] as const) {
    const clients = await Promise.all(Array.from({ length: 7 }, () => connectRaw(service.port)))
    for (const client of clients) client.send(request.repeat(14))
    await hasQueued(service, 7 * 14)
    for (const { socket } of clients) socket[end]()
    if (end === 'end') for (const { socket } of clients) socket.destroy()
    await hasQueued(service, 0)
  }
  holder!.socket.destroy()
  await service.quiet()
  t.equal(service.app.slots.stats().served, 1, 'none of them got the slot')
  t.equal(service.app.slots.stats().timedOut, 0)
  t.same(warnings.map(({ name, message }) => `${name}: ${message}`), [], 'no warning about listeners on a connection')
})

t.test('while the model is not ready, a request is refused before its body, without a slot', async t => {
  const own = await createTestEngine(t)
  const service = await startService(t, { MAX_CONCURRENT_REQUESTS: '1', QUEUE_SIZE: '5' }, own)
  // One request has the slot, and one waits for it.
  const [holder] = await occupy(service, 1)
  const waiting = await connectRaw(service.port)
  waiting.send(formHead('/api/chat', 1_000_000, 'Expect: 100-continue\r\n'))
  await hasQueued(service, 1)

  process.kill(own.info().pid!, 'SIGKILL')
  await until(() => own.info().state !== 'ready')
  const comer = await connectRaw(service.port)
  comer.send(formHead('/api/chat', 160_000_000, 'Expect: 100-continue\r\n'))
  const refusal = await comer.until(/"code":"[A-Z_]+"/)
  t.match(refusal, /^HTTP\/1\.1 503 [^]*"code":"ENGINE_NOT_READY"/)
  holder!.socket.destroy()
  t.match(
    await waiting.until(/"code":"[A-Z_]+"/), /^HTTP\/1\.1 503 [^]*"code":"ENGINE_NOT_READY"/,
    'the queued request is refused before its body, too'
  )
  await service.quiet()
  t.equal(service.app.slots.stats().queued, 0)
})
