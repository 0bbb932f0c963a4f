import t from 'tap'
import { ask, startService } from '../helper.ts'

t.test('a process that cannot keep up refuses work for the model, and nothing else', async t => {
  const service = await startService(t)
  const block = (ms: number) => {
    const end = Date.now() + ms
    while (Date.now() < end);
  }
  // The loop stands still for most of several sampling intervals.
  let refused
  for (let i = 0; i < 8 && refused === undefined; i++) {
    const asking = ask(service.url, { message: 'Hi' })
    const health = fetch(`${service.url}/health/live`)
    block(2_500)
    const { status, body, headers } = await asking
    t.equal((await health).status, 200)
    if (status !== 200) refused = { status, body, headers }
  }
  t.match(refused, { status: 503, body: { code: 'OVERLOADED' } })
  await service.quiet()

  // Once it breathes again it answers again.
  await new Promise(resolve => setTimeout(resolve, 2_500))
  t.equal((await ask(service.url, { message: 'Hi' })).status, 200)
})
