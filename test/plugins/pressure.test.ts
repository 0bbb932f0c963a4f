import Fastify from 'fastify'
import t from 'tap'
import { cacheBytesOf } from '../../app.ts'
import pressure, { memoryLimit } from '../../plugins/pressure.ts'
import { ask, startService } from '../helper.ts'
import { connectRaw, formBody, formHead } from '../raw-client.ts'
import { until } from '../server-process.ts'

t.test('an overloaded process refuses requests to the model, and no others', async t => {
  const service = await startService(t)
  const [asking, looking] = [await connectRaw(service.port), await connectRaw(service.port)]
  const body = formBody('Hi', [])
  const answers = async () =>
    await Promise.all([asking.until(/"code":"\w+"|"success":\w+/), looking.until(/"status":"\w+"/)])

  // The pressure plugin averages over one second: turns of a second and a half leave no quick turn in the average. The
  // requests are sent after the first long turn, when the plugin has a sample.
  let isOver = false
  const stagger = () => {
    const end = Date.now() + 1_500
    while (Date.now() < end);
    if (!isOver) setTimeout(stagger, 0)
  }
  stagger()
  await new Promise(resolve => setTimeout(resolve, 1_500))
  asking.send(formHead('/api/chat', body.length))
  asking.send(body)
  looking.send('GET /health/live HTTP/1.1\r\nHost: test\r\n\r\n')
  const [refusal, health] = await answers()
  isOver = true
  t.match(refusal, /^HTTP\/1\.1 503 [^]*"code":"OVERLOADED"/)
  t.match(health, /^HTTP\/1\.1 200 /)
  for (const { socket } of [asking, looking]) socket.destroy()
  await service.quiet()

  await until(() => !service.app.isOverloaded())
  t.equal((await ask(service.url, { message: 'Hi' })).status, 200)
})

t.test('the memory of the image cache does not count as pressure', async t => {
  const outcome = async (cacheBytes: number) => {
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(pressure, { cacheBytes })
    app.post('/ask', async () => 'Yes.')
    await app.ready()
    // The plugin takes its first sample after a second.
    await until(() => app.memoryUsage().rssBytes > 0)
    return (await app.inject({ method: 'POST', url: '/ask' })).statusCode
  }
  // The limit grows with the cache. These sizes put it below and above the memory of this process.
  const { rss } = process.memoryUsage()
  const limit = 4 * 1024 ** 3
  const margin = rss / 2
  t.equal(await outcome(rss - limit - margin), 503)
  t.equal(await outcome(rss - limit + margin), 200)
})

t.test('the memory limit includes the image cache if the cache is in the service\'s process', async t => {
  t.equal(memoryLimit(cacheBytesOf({ engine: 'openai', imageCacheMb: 5000 })), 4 * 1024 ** 3 + 5000 * 1024 ** 2)
  t.equal(
    memoryLimit(cacheBytesOf({ engine: 'local', imageCacheMb: 5000 })), 4 * 1024 ** 3,
    'a local engine has the cache in its own process'
  )
})
