import { connect, createServer, type Socket } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createTestEngine, drawShape, startService, type TestService } from '../helper.ts'
import { until } from '../server-process.ts'
import { getRequest, jsonRequest, longQuestion, wordsIn } from './clients.ts'

const WORDS = 850
const image = await drawShape('circle', 'red', 'white')
const images = [`data:image/png;base64,${image.toString('base64')}`]
const engine = await createTestEngine(t)

/**
 * A second way into a service, over a Unix socket: the kernel keeps some hundred short events there for a reader that is behind. On
 * the loopback device it keeps megabytes, more than the embedded model ever says.
 */
async function openNarrowDoor (
  t: Test, { app }: TestService
): Promise<{ enter (): Promise<{ client: Socket, inside: Socket }> }> {
  // The path of a socket may have no more than a hundred characters.
  const folder = mkdtempSync(path.join(tmpdir(), 'sightline-'))
  const door = path.join(folder, 'socket')
  const entered: Socket[] = []
  const server = createServer(socket => {
    entered.push(socket)
    app.server.emit('connection', socket)
  })
  await new Promise<void>(resolve => server.listen(door, resolve))
  t.teardown(() => {
    server.close()
    rmSync(folder, { recursive: true })
  })
  return {
    async enter () {
      const count = entered.length
      const client = connect(door)
      client.on('error', () => {})
      t.teardown(() => client.destroy())
      await until(() => entered.length > count)
      return { client, inside: entered.at(-1)! }
    }
  }
}

for (const [dialect, route, question] of [
  ['our own', '/api/chat_stream', { ...longQuestion(WORDS), images }],
  ['OpenAI\'s', '/v1/chat/completions', {
    ...longQuestion(WORDS),
    message: undefined,
    stream: true,
    model: engine.info().model,
    messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: images[0] } }] }]
  }]
] as const) {
  t.test(`a reader that takes nothing of its stream is cut off, and slot and files are free, in ${dialect} dialect`, async t => {
    const service = await startService(t, { STALL_TIMEOUT: '1' }, engine)
    const { client, inside } = await (await openNarrowDoor(t, service)).enter()
    client.write(jsonRequest(route, question))
    await until(() => service.leftovers().length === 1)
    await until(() => inside.writableLength > 0, () => String(service.app.slots.stats().taken))
    const stalledAt = performance.now()
    let most = 0
    while (!inside.destroyed) {
      most = Math.max(most, inside.writableLength)
      t.equal(service.app.slots.stats().taken, 1)
      await sleep(20)
    }
    t.comment(`cut off after ${Math.round(performance.now() - stalledAt)} ms, with ${most} bytes waiting at most`)
    t.ok(performance.now() - stalledAt > 500, 'it had its time')
    t.ok(most < 64 * 1024, 'what waits is bounded')
    await service.quiet()
  })
}

t.test('a reader that is slow, and slower than that time, gets the whole answer', async t => {
  const service = await startService(t, { STALL_TIMEOUT: '1' }, engine)
  const { client, inside } = await (await openNarrowDoor(t, service)).enter()
  client.write(jsonRequest('/api/chat_stream', longQuestion(WORDS), 'Connection: close\r\n'))
  await until(() => inside.writableLength > 0)
  const startedAt = performance.now()
  let text = ''
  while (!client.readableEnded) {
    await sleep(250)
    text += client.read(Math.min(6000, client.readableLength)) ?? ''
  }
  t.ok(performance.now() - startedAt > 2_000, 'it took its time')
  t.match(text, /event: done\n/)
  t.equal(
    wordsIn([...text.matchAll(/"text":("(?:[^"\\]|\\.)*")/g)].map(match => JSON.parse(match[1]!)).join('')), WORDS
  )
  await service.quiet()
})

t.test('an answer that waits behind one that nobody reads goes with it', async t => {
  const service = await startService(t, { STALL_TIMEOUT: '1' }, engine)
  const { client, inside } = await (await openNarrowDoor(t, service)).enter()
  // Each is a hundred kilobytes and more; all of it is asked for in one packet.
  client.write(
    getRequest('/openapi.json').repeat(10) + jsonRequest('/api/chat_stream', { ...longQuestion(WORDS), images })
  )
  await until(() => service.leftovers().length === 1)
  await until(() => inside.destroyed)
  await service.quiet()
  t.ok(inside.bytesRead > 0 && !client.destroyed, 'the client has not heard of it yet')
  client.resume()
  await until(() => client.destroyed)
})

t.test('a client that waits longer than that for its answer is not meant', async t => {
  const service = await startService(t, { STALL_TIMEOUT: '0.5' }, engine)
  process.kill(engine.info().pid!, 'SIGSTOP')
  const asking = fetch(`${service.url}/api/chat`, {
    method: 'POST',
    body: JSON.stringify({ message: 'What is in the picture?', images }),
    headers: { 'content-type': 'application/json' }
  })
  await sleep(1_500)
  process.kill(engine.info().pid!, 'SIGCONT')
  t.match(await (await asking).json(), { response: 'A red circle on a white background.' })
  await service.quiet()
})
