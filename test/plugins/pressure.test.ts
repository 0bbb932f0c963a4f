import t from 'tap'
import { ask, startService } from '../helper.ts'

t.test('a process that cannot keep up refuses work for the model, and nothing else', async t => {
  const service = await startService(t)
  // The pressure plugin takes the mean of a second: turns of a second and a half leave it no quick turn to count.
  const stagger = async (until: Promise<unknown>) => {
    const settled = until.then(() => true)
    const turn = async () => {
      const end = Date.now() + 1_500
      while (Date.now() < end);
      return await new Promise<false>(resolve => setTimeout(resolve, 0, false))
    }
    while (!await Promise.race([settled, turn()]));
  }
  // The first may have been let in before the plugin knew.
  const refused = []
  for (let i = 0; i < 2; i++) {
    const asking = ask(service.url, { message: 'Hi' })
    const health = fetch(`${service.url}/health/live`)
    await stagger(Promise.all([asking, health]))
    t.equal((await health).status, 200)
    const { status, body } = await asking
    if (status !== 200) refused.push({ status, body })
  }
  t.match(refused[0], { status: 503, body: { code: 'OVERLOADED' } })
  await service.quiet()

  // Once it breathes again it answers again.
  await new Promise(resolve => setTimeout(resolve, 2_500))
  t.equal((await ask(service.url, { message: 'Hi' })).status, 200)
})
