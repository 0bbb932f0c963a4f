import type { Test } from 'tap'
import { startPage } from './start.ts'
import { ask, choose, complete, CROSS, HEART, open, watchForms } from './steps.ts'

export default async function (t: Test): Promise<void> {
  const { service, engine, pageTest } = await startPage(t, { MAX_CONCURRENT_REQUESTS: '1' })
  /** The browser logs this message for every response with an error status. */
  const refused = (status: number) =>
    new RegExp(`Failed to load resource: the server responded with a status of ${status} `)

  await pageTest('a busy service is retried after the given time, and the wait is shown', {
    allow: [refused(429)]
  }, async (t, page) => {
    const slot = service.app.slots.tryTake()!
    t.teardown(() => slot.release())
    await open(page)
    await page.getByText('0 of 1 slots free').waitFor()
    await choose(page, HEART.file)
    const answer = await ask(page, 'Describe the images.')
    await answer.getByText(/The service is busy\. Trying again in \d+ s/).waitFor()
    t.equal(service.leftovers().length, 0)
    slot.release()
    t.match(await complete(answer), HEART.words)
  })

  await pageTest('the wait for a busy service can be cancelled', { allow: [refused(429)] }, async (t, page) => {
    const slot = service.app.slots.tryTake()!
    t.teardown(() => slot.release())
    await open(page)
    const answer = await ask(page, 'Hi')
    await answer.getByRole('button', { name: 'Cancel' }).click()
    t.match(await complete(answer), /Stopped/)
    slot.release()
    await answer.getByRole('button', { name: 'Answer again' }).click()
    await page.getByText('Stopped').waitFor({ state: 'detached' })
    await complete(page.locator('article.answer'))
  })

  await pageTest('expired images of earlier turns are sent again', { allow: [refused(410)] }, async (t, page) => {
    const sent = await watchForms(page)
    await open(page)
    await choose(page, HEART.file, CROSS.file)
    await complete(await ask(page, 'Describe the images.'))
    // A new worker process has no cached images.
    process.kill(engine.info().pid!, 'SIGKILL')
    await new Promise(resolve => setTimeout(resolve, 200))
    while (engine.info().state !== 'ready') await new Promise(resolve => setTimeout(resolve, 50))
    t.match(await complete(await ask(page, 'What is in picture 2?')), CROSS.words)
    const [, refused, resent] = await sent()
    t.same(refused!.map(([field]) => field), ['message', 'history'])
    t.match(resent!.slice(2), [['history_images', '00.png'], ['history_images', '02.jpg']])
  })

  await pageTest('an error shows the message of the service and the faulty image', {
    allow: [refused(422)]
  }, async (t, page) => {
    await open(page)
    const damaged = Buffer.from(CROSS.file.buffer.subarray(0, 3_000))
    await choose(page, HEART.file, { ...CROSS.file, buffer: damaged })
    const answer = await ask(page, 'Describe the images.')
    const text = await complete(answer)
    t.match(text, /cannot be decoded|damaged|truncated/)
    t.match(text, /It is about picture 2\.\s+02\.jpg/)
    t.match(text, /Request [0-9a-f-]{36}/)
    t.ok(await answer.getByRole('button', { name: 'Try again' }).isEnabled())
  })

  await pageTest('after the engine dies during an answer, its text and the error are shown', {}, async (t, page) => {
    await open(page, { format: { type: 'schema', schema: JSON.stringify({ type: 'string', minLength: 20_000 }) } })
    const answer = await ask(page, 'Hi')
    await page.locator('[data-stage=answering]').waitFor()
    process.kill(engine.info().pid!, 'SIGKILL')
    t.match(await complete(answer), /model/i)
    t.ok(await answer.getByRole('alert').isVisible())
    while (engine.info().state !== 'ready') await new Promise(resolve => setTimeout(resolve, 50))
  })
}
