import t from 'tap'
import { ask, startService } from '../helper.ts'
import { connectRaw, formBody, formHead } from '../raw-client.ts'

t.test('a process that cannot keep up refuses work for the model, and nothing else', async t => {
  const service = await startService(t)
  const [asking, looking] = [await connectRaw(service.port), await connectRaw(service.port)]
  const body = formBody('Hi', [])
  const answers = async () => await Promise.all([asking.until(/"code":"\w+"|"success":\w+/), looking.until(/"status":"\w+"/)])

  // The pressure plugin takes the mean of a second: turns of a second and a half leave it no quick turn to count. Before the first
  // of them is over it knows nothing.
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

  // Once it breathes again it answers again.
  await new Promise(resolve => setTimeout(resolve, 2_500))
  t.equal((await ask(service.url, { message: 'Hi' })).status, 200)
})
