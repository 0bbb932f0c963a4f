import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ROOT } from '../../config/root.ts'
import t from 'tap'
import { build, type Rollup } from 'vite'
import { createTestEngine, drawShape, startService } from '../helper.ts'
import { createPageTests } from './browser.ts'

/** A page that has the OpenAI SDK as `OpenAI`. */
const SCRIPT = `
  import OpenAI from 'openai'
  globalThis.OpenAI = OpenAI
`
const PAGE = '<!doctype html><link rel="icon" href="data:,"><script type="module" src="script.js"></script>'
const RED = 'A red circle on a white background.'

const engine = await createTestEngine(t)
const { model } = engine.info()
const script = await bundle(SCRIPT)
const site = createServer((req, res) => {
  const isScript = req.url === '/script.js'
  res.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
  res.end(isScript ? script : PAGE)
}).listen(0, '127.0.0.1')
await once(site, 'listening')
t.teardown(() => { site.close() })
const origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`
const service = await startService(t, { CORS_ORIGIN: origin }, engine)
const image = (await drawShape('circle', 'red', 'white')).toString('base64')

const pageTest = createPageTests(t, `${origin}/`)
const allow = [/^asked somebody else: /, /^console: .* 404 /]

await pageTest('a page of another origin uses the OpenAI SDK', { allow }, async (t, page) => {
  await page.goto('./')
  await page.waitForFunction('globalThis.OpenAI')
  const seen = await page.evaluate(async ({ url, model, image }) => {
    const { OpenAI } = globalThis as any
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', dangerouslyAllowBrowser: true, maxRetries: 0 })
    const messages = [{
      role: 'user',
      content: [
        { type: 'image_url', image_url: { url: `data:image/png;base64,${image}` } },
        { type: 'text', text: 'What is in the picture?' }
      ]
    }]
    const options = { headers: { 'Idempotency-Key': '1', traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01` } }
    const answer = await client.chat.completions.create({ model, messages }, options)
    const pieces: string[] = []
    for await (const chunk of await client.chat.completions.create({ model, messages, stream: true })) {
      pieces.push(chunk.choices[0]?.delta.content ?? '')
    }
    const refused = await client.chat.completions.create({ model: 'gpt-5', messages }).catch((error: unknown) => error)
    const busy = await client.models.list()
    return {
      answer: answer.choices[0].message.content,
      streamed: pieces.join(''),
      refused: { status: refused.status, code: refused.code, requestId: refused.requestID },
      models: busy.data.map((it: { id: string }) => it.id)
    }
  }, { url: service.url, model, image })
  t.match(seen, {
    answer: RED, streamed: RED, refused: { status: 404, code: 'MODEL_NOT_FOUND', requestId: /./ }, models: [model]
  })
  await service.quiet()
})

await pageTest('a page of an origin that is not listed gets no answer', {
  allow: [...allow, /^console: .*(?:CORS|ERR_FAILED)/]
}, async (t, page) => {
  const other = await startService(t, { CORS_ORIGIN: 'https://chat.example.com' }, engine)
  await page.goto('./')
  const failure = await page.evaluate(
    async url => await fetch(`${url}/v1/models`).then(() => 'answered', error => String(error)), other.url
  )
  t.match(failure, /Failed to fetch/)
})

/** Bundles a module for browsers. */
async function bundle (code: string): Promise<string> {
  const entry = 'virtual:entry'
  const { output } = await build({
    root: ROOT,
    configFile: false,
    logLevel: 'error',
    build: { write: false, rollupOptions: { input: entry } },
    plugins: [{
      name: 'entry',
      resolveId: (id: string) => id === entry ? `${ROOT}/${entry}.js` : null,
      load: (id: string) => id === `${ROOT}/${entry}.js` ? code : null
    }]
  }) as Rollup.RollupOutput
  return output[0].code
}
