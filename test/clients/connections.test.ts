import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { createTestEngine, startService } from '../helper.ts'
import { connectRaw } from '../raw-client.ts'
import { describePace, getRequest, jsonRequest, longQuestion, pause, streamLong, wordsIn } from './clients.ts'

const WORDS = 500
const engine = await createTestEngine(t)

t.test('a running answer keeps its pace among a thousand idle connections', async t => {
  const service = await startService(t, {}, engine)
  // The first answer warms up the engine and is not measured.
  await streamLong(service.url, WORDS)
  const alone = await streamLong(service.url, WORDS)

  const idle = await Promise.all(Array.from({ length: 1_000 }, () => connectRaw(service.port)))
  // Half of the connections send nothing, the others send one request.
  for (const client of idle.slice(500)) client.send(getRequest('/health/live'))
  for (const client of idle.slice(500)) await client.until(/"status":"ok"/)
  const among = await streamLong(service.url, WORDS)
  t.notOk(idle.some(({ socket }) => socket.destroyed), 'all idle connections are still open')
  for (const { socket } of idle) socket.destroy()

  t.equal(among.events.at(-1), 'done')
  t.equal(wordsIn(among.text), WORDS)
  t.comment(describePace(alone, among))
  // Other load on the machine stays below this bound; work for each connection at each token would exceed it.
  t.ok(among.ms < 20 * alone.ms)
  await service.quiet()
})

t.test('connections beyond the limit are closed without an answer, and the running answer continues', async t => {
  const service = await startService(t, { MAX_CONNECTIONS: '10' }, engine)
  const running = await connectRaw(service.port)
  running.send(jsonRequest('/api/chat_stream', longQuestion(WORDS)))
  await running.until(/event: token/)
  const paused = pause(engine.info().pid!)
  const silent = await Promise.all(Array.from({ length: 9 }, () => connectRaw(service.port)))
  for (let i = 0; i < 3; i++) {
    const beyond = await connectRaw(service.port)
    beyond.send(getRequest('/health/live'))
    await beyond.closed
    t.equal(beyond.received(), '')
  }
  t.notOk(silent.some(({ socket }) => socket.destroyed), 'a connection without a request so far does not count as idle')
  paused.resume()
  await running.until(/event: done/)

  silent[0]!.socket.destroy()
  await silent[0]!.closed
  while (await new Promise<number>(resolve =>
    service.app.server.getConnections((_error, count) => resolve(count))) === 10) await sleep(5)
  const next = await connectRaw(service.port)
  next.send(getRequest('/health/live'))
  t.match(await next.until(/\}$/), /^HTTP\/1\.1 200 /)
  for (const { socket } of [running, next, ...silent]) socket.destroy()
  await service.quiet()
})

t.test('idle connections that were answered are closed to make room', async t => {
  const service = await startService(t, { MAX_CONNECTIONS: '10' }, engine)
  const running = await connectRaw(service.port)
  running.send(jsonRequest('/api/chat_stream', longQuestion(WORDS)))
  await running.until(/event: token/)
  const paused = pause(engine.info().pid!)
  const idle = await Promise.all(Array.from({ length: 9 }, () => connectRaw(service.port)))
  for (const client of idle) client.send(getRequest('/health/live'))
  for (const client of idle) await client.until(/"status":"ok"/)

  await (await connectRaw(service.port)).closed
  await Promise.all(idle.map(client => client.closed))
  const next = await connectRaw(service.port)
  next.send(getRequest('/health/live'))
  t.match(await next.until(/\}$/), /^HTTP\/1\.1 200 /)
  next.socket.destroy()
  paused.resume()
  await running.until(/event: done/)
  running.socket.destroy()
  await service.quiet()
})
