import path from 'node:path'
import { readdirSync } from 'node:fs'
import t from 'tap'
import { createForm, drawShape, readEvents } from '../helper.ts'
import { start, type Server } from '../server-process.ts'
import { freePort, NO_NGINX, startNginx } from './nginx.ts'

/** Clients that send requests without pause. */
const CLIENTS = 4
const image = await drawShape('circle', 'red', 'white')

t.test('behind nginx a rolling restart loses no request, and a killed instance only its running streams', {
  skip: NO_NGINX
}, async t => {
  const dir = t.testdir({ a: {}, b: {} })
  const ports = [await freePort(), await freePort()]
  const startOne = (index: number) => start(t, {
    PORT: String(ports[index]),
    UPLOAD_DIR: path.join(dir, 'ab'[index]!),
    MAX_CONCURRENT_REQUESTS: '8',
    LLAMA_THREADS: '1'
  })
  const instances: Server[] = [await startOne(0), await startOne(1)]
  const { url, errors } = await startNginx(t, 'nginx-retry.conf', ports)

  const endings = new Map<string, number>()
  const count = (ending: string) => endings.set(ending, (endings.get(ending) ?? 0) + 1)
  const over = new AbortController()
  const load = Array.from({ length: CLIENTS }, async (_, client) => {
    for (let i = 0; !over.signal.aborted; i++) {
      const body =
        createForm({ message: 'What is in the picture?', max_tokens: '12' }, (client + i) % 2 === 0 ? [image] : [])
      const streams = client % 2 === 0
      const response = await fetch(`${url}/api/chat${streams ? '_stream' : ''}`, { method: 'POST', body })
      if (response.status !== 200) {
        count(`${response.status} ${await response.text()}`)
      } else if (streams) {
        let last = 'nothing'
        try {
          for await (const { event } of readEvents(response)) last = event
        } catch {
          last = 'a cut'
        }
        count(`stream ended with ${last}`)
      } else {
        await response.json()
        count('answer')
      }
    }
  })

  const answered = () => (endings.get('answer') ?? 0) + (endings.get('stream ended with done') ?? 0)
  const more = async () => {
    const before = answered()
    while (answered() < before + 8) await new Promise(resolve => setTimeout(resolve, 50))
  }
  await more()
  for (const index of [0, 1]) {
    instances[index]!.child.kill('SIGTERM')
    t.match(await instances[index]!.exited, { code: 0 })
    await more()
    instances[index] = await startOne(index)
    await more()
  }
  t.same([...endings.keys()].sort(), ['answer', 'stream ended with done'], errors().slice(-500))

  instances[0]!.child.kill('SIGKILL')
  await instances[0]!.exited
  await more()
  over.abort()
  await Promise.all(load)
  const { 'stream ended with done': _done, answer: _answer, 'stream ended with a cut': cut = 0, ...others } =
    Object.fromEntries(endings)
  t.same(others, {}, errors().slice(-500))
  t.ok(cut <= CLIENTS, `${cut} running streams were cut: another instance cannot continue them`)
  // The files of the killed instance in folder `a` are removed at its next start.
  t.same(readdirSync(path.join(dir, 'b')), [])
})
