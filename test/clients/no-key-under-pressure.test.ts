import t from 'tap'
import { startService } from '../helper.ts'
import { connectRaw } from '../raw-client.ts'
import { jsonRequest } from './clients.ts'

const KEY = 'alice-0123456789abcdef'

/** The pressure plugin takes the mean of a second: turns of a second and a half leave it no quick turn to count. */
async function longTurn (): Promise<void> {
  const end = Date.now() + 1_500
  while (Date.now() < end);
  await new Promise(resolve => setTimeout(resolve, 0))
}

t.test('whoever has no key learns nothing of how busy the service is', async t => {
  const service = await startService(t, { API_KEYS: KEY })

  /** Asks with these keys in the same breath. */
  async function ask (keys: string[]) {
    const clients = await Promise.all(keys.map(() => connectRaw(service.port)))
    await longTurn()
    await longTurn()
    for (const [index, client] of clients.entries()) {
      client.send(jsonRequest('/api/chat', { message: 'Hi' }, `X-API-Key: ${keys[index]}\r\n`))
    }
    while (!clients.every(client => /\}$/.test(client.received()))) await longTurn()
    for (const { socket } of clients) socket.destroy()
    return clients.map(client => Number(/^HTTP\/1\.1 (\d+) /.exec(client.received())![1]))
  }

  const keys = [KEY, '', 'mallory-0123456789abcdef', KEY]
  let statuses = await ask(keys)
  // They may have been let in before the plugin looked.
  for (let i = 0; i < 3 && statuses.includes(200); i++) statuses = await ask(keys)
  t.same(statuses, [503, 401, 401, 503])
  await service.quiet()
})
