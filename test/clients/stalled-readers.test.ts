import { connect, createServer, type Socket } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createTestEngine, drawShape, startService, type TestService } from '../helper.ts'
import { until } from '../server-process.ts'
import { getRequest, jsonRequest, longQuestion, pause, streamedText, wordsIn } from './clients.ts'

const WORDS = 850
const image = await drawShape('circle', 'red', 'white')
const images = [`data:image/png;base64,${image.toString('base64')}`]
const engine = await createTestEngine(t)

/**
 * Opens a second entrance to a service, over a Unix socket. The kernel buffers about a hundred short events there for a
 * slow reader. On the loopback device it buffers megabytes, more than any answer of the embedded model.
 */
async function openNarrowDoor (
  t: Test, { app }: TestService
): Promise<{ enter (): Promise<{ client: Socket, inside: Socket }> }> {
  // The path of a Unix socket is limited to about a hundred characters.
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

for (const [route, question] of [
  ['/api/chat_stream', { ...longQuestion(WORDS), images }],
  ['/v1/chat/completions', {
    ...longQuestion(WORDS),
    message: undefined,
    stream: true,
    model: engine.info().model,
    messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: images[0] } }] }]
  }]
] as const) {
  t.test(`${route}: a client that does not read its stream is cut off, and its slot and files are freed`, async t => {
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
    t.ok(performance.now() - stalledAt > 500, 'the stall timeout had to pass first')
    t.ok(most < 64 * 1024, 'the unsent bytes are bounded')
    await service.quiet()
  })
}

t.test('a slow reader gets the whole answer, even if it takes longer than STALL_TIMEOUT', async t => {
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
  t.ok(performance.now() - startedAt > 2_000, 'reading took longer than the timeout')
  t.match(text, /event: done\n/)
  t.equal(wordsIn(streamedText(text)), WORDS)
  await service.quiet()
})

t.test('a pipelined answer behind one that the client does not read ends with it', async t => {
  const service = await startService(t, { STALL_TIMEOUT: '1' }, engine)
  const { client, inside } = await (await openNarrowDoor(t, service)).enter()
  // Each document has more than a hundred kilobytes. All requests are sent in one packet.
  client.write(
    getRequest('/openapi.json').repeat(10) + jsonRequest('/api/chat_stream', { ...longQuestion(WORDS), images })
  )
  await until(() => service.leftovers().length === 1)
  await until(() => inside.destroyed)
  await service.quiet()
  t.ok(inside.bytesRead > 0 && !client.destroyed, 'the client has not noticed yet')
  client.resume()
  await until(() => client.destroyed)
})

t.test('STALL_TIMEOUT does not apply to a client that waits for its answer', async t => {
  const service = await startService(t, { STALL_TIMEOUT: '0.5' }, engine)
  const paused = pause(engine.info().pid!)
  const asking = fetch(`${service.url}/api/chat`, {
    method: 'POST',
    body: JSON.stringify({ message: 'What is in the picture?', images }),
    headers: { 'content-type': 'application/json' }
  })
  await until(() => service.app.slots.stats().taken === 1)
  await sleep(1_500)
  paused.resume()
  t.match(await (await asking).json(), { response: 'A red circle on a white background.' })
  await service.quiet()
})
