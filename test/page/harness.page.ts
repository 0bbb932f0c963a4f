import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { launchBrowser, NO_BROWSER } from '../../tools/lib/browser.ts'
import { accessibilityFaults } from './accessibility.ts'
import { collectComplaints } from './browser.ts'
import { dropFiles, pasteFiles } from './images.ts'
import { startPage } from './start.ts'

export default async function (t: Test): Promise<void> {
  /** The limit for the transfer size of a first visit, without the samples and their images. */
  const FIRST_LOAD_BYTES = 90_000
  const FIRST_LOAD_BYTES_WITH_SAMPLES = 150_000
  const SAMPLES = ['samples', 'shapes-1', 'shapes-2', 'shapes-3', 'word']

  const { service, pageTest } = await startPage(t)

  await pageTest('the page loads without complaints of the browser', {}, async (t, page) => {
    const client = await page.context().newCDPSession(page)
    await client.send('Network.enable')
    const requests = new Map<string, string>()
    const bytes = new Map<string, number>()
    const samples: string[] = []
    let isStatusKnown = false
    client.on('Network.requestWillBeSent', ({ requestId, request: { url } }) => {
      requests.set(requestId, url)
      const sample = SAMPLES.find(name => url.startsWith(`${service.url}/assets/${name}-`))
      if (sample) samples.push(`${sample} ${isStatusKnown ? 'after' : 'before'} the status`)
    })
    client.on('Network.responseReceived', ({ response: { url } }) => {
      if (url === `${service.url}/api/status`) isStatusKnown = true
    })
    client.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
      const url = requests.get(requestId) ?? requestId
      if (!url.startsWith(`${service.url}/api/`)) bytes.set(url, encodedDataLength)
    })
    await page.goto('./', { waitUntil: 'networkidle' })
    t.equal(await page.title(), 'Sightline')
    t.ok(await page.getByRole('textbox').first().isVisible(), 'there is a text field')
    await page.locator('.samples img').nth(3).waitFor()
    await page.waitForLoadState('networkidle')
    t.same(samples.sort(), SAMPLES.map(name => `${name} after the status`))
    const sum = (entries: Array<[url: string, bytes: number]>) => entries.reduce((sum, [, bytes]) => sum + bytes, 0)
    const all = sum([...bytes])
    const first = sum([...bytes].filter(([url]) => !SAMPLES.some(name => url.includes(`/assets/${name}-`))))
    t.ok(first > 1_000 && first < FIRST_LOAD_BYTES, `${first} bytes for a first visit`)
    t.ok(all > first && all < FIRST_LOAD_BYTES_WITH_SAMPLES, `${all} bytes with the samples`)
    t.same([...requests.values()].filter(url => /heic|wasm/.test(url)), [], 'no decoder is loaded')
  })

  await pageTest('dropped and pasted files reach the page', {}, async (t, page) => {
    await page.route('**/*', route => route.fulfill({ contentType: 'text/html', body: '<body><textarea></textarea>' }))
    await page.goto('./')
    await page.evaluate(() => {
      const note = async (event: Event, transfer: DataTransfer | null) => {
        event.preventDefault()
        for (const file of transfer?.files ?? []) {
          document.body.append(`${event.type} ${file.name} ${file.type} ${await file.text()};`)
        }
      }
      for (const type of ['dragenter', 'dragover', 'drop'] as const) {
        document.addEventListener(type, event => { void note(event, type === 'drop' ? event.dataTransfer : null) })
      }
      document.addEventListener('paste', event => { void note(event, event.clipboardData) })
    })
    const file = (name: string) => ({ name, mimeType: 'image/png', buffer: Buffer.from(`bytes of ${name}`) })
    await dropFiles(page, 'body', [file('a.png'), file('b.png')])
    await pasteFiles(page, 'textarea', [file('c.png')])
    await page.getByText('bytes of c.png').waitFor()
    t.equal(
      await page.locator('body').innerText(),
      'drop a.png image/png bytes of a.png;drop b.png image/png bytes of b.png;paste c.png image/png bytes of c.png;'
    )
  })

  await pageTest('accessibility faults are found', {}, async (t, page) => {
    await page.goto('./')
    await page.evaluate(
      () => { document.body.innerHTML = '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw="><button></button>' }
    )
    t.match((await accessibilityFaults(page)).join('\n'), /^button-name: .*\n[^]*^image-alt: /m)
  })

  t.test('complaints of the browser are recorded', { skip: NO_BROWSER }, async t => {
    const server = createServer((request, response) => {
      if (request.url !== '/') return response.writeHead(404).end()
      response.writeHead(200, {
        'content-type': 'text/html',
        'content-security-policy': "default-src 'none'; script-src 'self' 'nonce-x'; connect-src *"
      })
      response.end(`
        <p style="color: red">Text</p>
        <script nonce="x">
          fetch("http://localhost:9/").catch(() => {})
          setTimeout(() => { throw new Error("thrown on purpose") })
        </script>
      `)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const browser = await launchBrowser()
    t.teardown(async () => {
      await browser.close()
      server.close()
    })
    const context = await browser.newContext()
    const complaints = collectComplaints(context, url)
    const page = await context.newPage()
    await page.goto(url, { waitUntil: 'networkidle' })
    for (const expected of [
      /violates the following Content Security Policy directive/, /^uncaught: Error: thrown on purpose/,
      /^asked somebody else: http:\/\/localhost:9\//
    ]) {
      t.ok(complaints.some(it => expected.test(it)), `${expected} in ${JSON.stringify(complaints)}`)
    }
  })
}
