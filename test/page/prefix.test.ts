import t from 'tap'
import { NO_BROWSER } from '../../tools/lib/browser.ts'
import { NO_NGINX, startNginx } from '../deploy/nginx.ts'
import { askStream, createTestEngine, startService } from '../helper.ts'
import { createPageTests } from './browser.ts'
import { ask, choose, complete, HEART, open } from './steps.ts'

t.test('behind nginx, below a path of another site', { skip: NO_NGINX || NO_BROWSER }, async t => {
  const service = await startService(t, {}, await createTestEngine(t))
  const { url, errors } = await startNginx(t, 'nginx-prefix.conf', [service.port], true)
  const pageTest = createPageTests(t, `${url}/sightline/`)

  await pageTest('the page uses only addresses below its path', {}, async (t, page) => {
    const asked = new Set<string>()
    page.on('request', request => { if (request.url().startsWith('http')) asked.add(new URL(request.url()).pathname) })
    await open(page)
    await choose(page, HEART.file)
    t.match(await complete(await ask(page, 'Describe the images.')), HEART.words)
    t.ok(asked.has('/sightline/api/chat_stream'))
    t.same([...asked].filter(it => !it.startsWith('/sightline/')), [])
  })

  // Code and a formula, which the embedded model would not write, in the event stream of a real answer.
  const { events } = await askStream(service.url, { message: 'Hi' })
  const first = events.findIndex(it => it.event === 'token')
  const said = events.flatMap(({ event, data }, index) => {
    if (event === 'token' && index !== first) return []
    const shown = event === 'token' ? { text: '```js\nlet a = 1\n```\n\n$$x^2$$\n' } : data
    return [`event: ${event}\ndata: ${JSON.stringify(shown)}\n\n`]
  })

  await pageTest('modules that are loaded on demand are found', {}, async (t, page) => {
    await page.route('**/api/chat_stream', route =>
      route.fulfill({ contentType: 'text/event-stream', body: said.join('') }))
    await open(page)
    const needed = ['highlighter', 'typesetter'].map(name =>
      page.waitForResponse(new RegExp(`/sightline/assets/${name}-[^/]+\\.js$`)))
    const answer = await ask(page, 'Hi')
    for (const response of await Promise.all(needed)) t.equal(response.status(), 200)
    await answer.locator('math').waitFor()
  })
  for (const address of ['./docs', './docs/']) {
    // Swagger UI contains an inline style that its policy blocks; nothing visible depends on it.
    await pageTest(`the API documentation at ${address} can send requests`, {
      allow: [/inline style .*swagger-ui-bundle\.js/]
    }, async (t, page) => {
      await page.goto(address)
      await page.getByText('/health/live').click()
      await page.getByRole('button', { name: 'Try it out' }).click()
      const answer = page.waitForResponse(/health\/live$/)
      await page.getByRole('button', { name: 'Execute' }).click()
      t.equal((await answer).url(), `${url}/sightline/health/live`)
      t.equal((await answer).status(), 200)
    })
  }
  await service.quiet()
  t.notMatch(errors(), /sightline/)
})
