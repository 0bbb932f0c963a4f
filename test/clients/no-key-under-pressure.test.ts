import t from 'tap'
import { startService } from '../helper.ts'
import { connectRaw } from '../raw-client.ts'
import { jsonRequest } from './clients.ts'

const KEY = 'alice-0123456789abcdef'

/** The pressure plugin averages over one second: a turn of a second and a half leaves no quick turn in the average. */
async function longTurn (): Promise<void> {
  const end = Date.now() + 1_500
  while (Date.now() < end);
  await new Promise(resolve => setTimeout(resolve, 0))
}

t.test('a client without a valid key gets 401, not 503, from an overloaded service', async t => {
  const service = await startService(t, { API_KEYS: KEY })

  /** Sends one request for each key in the same turn of the event loop. */
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
  // The requests may have been admitted before the plugin took a sample.
  for (let i = 0; i < 3 && statuses.includes(200); i++) statuses = await ask(keys)
  t.same(statuses, [503, 401, 401, 503])
  await service.quiet()
})
