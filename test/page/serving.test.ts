import { once } from 'node:events'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import Fastify from 'fastify'
import t from 'tap'
import errors from '../../plugins/errors.ts'
import securityHeaders from '../../plugins/security-headers.ts'
import { ROOT } from '../../config/root.ts'
import uiRoute from '../../routes/ui.ts'
import { NO_NGINX, startNginx } from '../deploy/nginx.ts'
import { ask, createTestEngine, drawShape, startService } from '../helper.ts'
import { connectRaw } from '../raw-client.ts'

const KEY = 'alice-0123456789abcdef'
/** The output of `npm run build`. */
const DIR = path.join(ROOT, 'dist/web')
const html = readFileSync(path.join(DIR, 'index.html'))
const assets = readdirSync(path.join(DIR, 'assets')).filter(name => !/\.(br|gz)$/.test(name))
const TYPES: Record<string, string> = {
  '': 'text/html; charset=utf-8',
  '.js': 'application/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.wasm': 'application/wasm',
  '.jpg': 'image/jpeg',
  '.woff2': 'font/woff2',
  '.webmanifest': 'application/manifest+json'
}
const script = `/assets/${assets.find(name => name.endsWith('.js'))}`

const engine = await createTestEngine(t)
const service = await startService(t, { API_KEYS: KEY, RATE_LIMIT_ADDRESS: '1', MAX_CONCURRENT_REQUESTS: '1' }, engine)

/** Returns the bytes as they were sent; `fetch` would decompress them. */
async function get (url: string, headers: Record<string, string> = {}, method = 'GET') {
  const request = http.request(url, { method, headers, agent: false }).end()
  const [response] = await once(request, 'response') as [http.IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }
}

t.test('the page and its files need no API key', async t => {
  for (const address of ['/', ...assets.map(name => `/assets/${name}`)]) {
    const { status, headers, body } = await get(service.url + address)
    t.equal(status, 200, address)
    t.same(body, readFileSync(path.join(DIR, address === '/' ? 'index.html' : address)))
    t.equal(headers['content-length'], String(body.length))
    t.equal(headers['content-type'], TYPES[path.extname(address)], address)
  }
  t.equal(
    (await get(service.url, { 'x-api-key': 'mallory-0123456789abcdef' })).status, 200, 'a wrong key does no harm there'
  )
  t.equal((await get(`${service.url}/api/status`)).status, 401)
})

t.test('HEAD returns the same headers without the body', async t => {
  for (const address of ['/', script]) {
    const [whole, head] = [await get(service.url + address), await get(service.url + address, {}, 'HEAD')]
    t.equal(head.status, 200)
    t.equal(head.body.length, 0)
    for (const name of ['content-length', 'content-type', 'etag', 'cache-control', 'content-security-policy']) {
      t.equal(head.headers[name], whole.headers[name], `${name} of ${address}`)
    }
  }
})

t.test('the content security policy allows only own scripts, styles, images and requests', async t => {
  const { headers } = await get(service.url)
  t.equal(
    headers['content-security-policy'],
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; " +
    "font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
  )
  t.match(headers['permissions-policy'], /^camera=\(self\), microphone=\(\)/)
  t.match(headers, {
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin'
  })
  t.match(
    (await get(service.url + script)).headers['content-security-policy'], /^default-src 'none';base-uri/,
    'files have the policy of all responses'
  )
})

t.test('browsers cache the files permanently and revalidate the page', async t => {
  const page = await get(service.url)
  t.equal(page.headers['cache-control'], 'no-cache')
  t.equal((await get(service.url + script)).headers['cache-control'], 'public, max-age=31536000, immutable')
  for (const address of ['/', script]) {
    const { headers } = await get(service.url + address)
    const again = await get(service.url + address, { 'if-none-match': headers.etag! })
    t.equal(again.status, 304, address)
    t.equal(again.body.length, 0)
    t.equal((await get(service.url + address, { 'if-none-match': 'W/"other"' })).status, 200)
  }
  for (const name of assets) t.match(name, /-[\w-]{8}\.\w+$/, 'the name depends on the content')
})

t.test('responses are compressed for clients that accept it', async t => {
  for (const [address, whole] of [['/', html], [script, readFileSync(path.join(DIR, script))]] as const) {
    const plain = await get(service.url + address)
    const br = await get(service.url + address, { 'accept-encoding': 'gzip, deflate, br, zstd' })
    const gz = await get(service.url + address, { 'accept-encoding': 'gzip' })
    t.same([plain, br, gz].map(it => it.headers['content-encoding']), [undefined, 'br', 'gzip'])
    t.same(brotliDecompressSync(br.body), whole)
    t.same(gunzipSync(gz.body), whole)
    for (const { headers } of [plain, br, gz]) {
      t.equal(headers.vary, 'accept-encoding')
      t.equal(headers['content-type'], plain.headers['content-type'])
    }
    t.equal(new Set([plain, br, gz].map(it => it.headers.etag)).size, 3, 'each encoding has its own tag')
    const head = await get(service.url + address, { 'accept-encoding': 'br' }, 'HEAD')
    t.equal(head.headers['content-length'], String(br.body.length))
  }
})

t.test('the page names its files by relative addresses only', async t => {
  const addresses = [...html.toString().matchAll(/(?:src|href)="([^"]*)"/g)].map(match => match[1]!)
  t.ok(addresses.length > 0)
  for (const address of addresses) t.match(address, /^\.\/assets\//)
  for (const name of assets.filter(it => it.endsWith('.css'))) {
    t.notMatch(readFileSync(path.join(DIR, 'assets', name), 'utf8'), /url\(["']?(\/|https?:)|@import/)
  }
})

t.test('missing files are answered with the usual errors', async t => {
  for (const address of [
    '/assets/missing-12345678.js', '/assets/', '/assets', '/index.html', '/assets/index.html',
    '/assets/%2e%2e/index.html', '/assets/..%2f..%2f..%2fpackage.json'
  ]) {
    const { status, headers, body } = await get(service.url + address, { 'x-api-key': KEY })
    t.equal(status, 404, address)
    t.match(JSON.parse(body.toString()), { error: String, code: 'NOT_FOUND', request_id: headers['x-request-id'] })
    t.notMatch(body.toString(), ROOT)
  }
  const { body } =
    await get(`${service.url}/assets/missing-12345678.js`, { 'accept-language': 'zh', 'accept-encoding': 'br' })
  t.match(JSON.parse(body.toString()), { error: '未找到：GET /assets/missing-12345678.js' })
  t.equal((await get(service.url, { 'x-api-key': KEY }, 'POST')).status, 405)

  // Clients normalize such a path, so it is sent over a raw socket.
  const raw = await connectRaw(service.port)
  raw.send('GET /assets/../../../package.json HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n')
  await raw.closed
  t.match(raw.received(), /^HTTP\/1\.1 40[34] /)
  t.notMatch(raw.received(), /node-llama-cpp/)
})

t.test('the page takes no slot and counts towards no limit', async t => {
  const before = service.app.slots.stats()
  for (let i = 0; i < 5; i++) t.equal((await get(service.url + script)).status, 200)
  const slot = service.app.slots.tryTake()!
  t.equal((await get(service.url)).status, 200)
  slot.release()
  t.match(service.app.slots.stats(), { taken: 0, served: before.served + 1, rejected: before.rejected })
})

t.test('the page is served while an overloaded process refuses work', async t => {
  const open = await startService(t, {}, engine)
  // The pressure plugin checks once a second the mean delay since its last check. Blocks of 1.5 seconds leave it no
  // quick turn to count.
  for (let i = 0; i < 3; i++) {
    const end = Date.now() + 1_500
    while (Date.now() < end);
    await new Promise(resolve => setTimeout(resolve, 0))
  }
  const [page, file, { status }] =
    await Promise.all([get(open.url), get(open.url + script), ask(open.url, { message: 'Hi' })])
  t.same([page.status, file.status, status], [200, 200, 503])
  await open.quiet()
})

t.test('the API documentation does not contain the page', async t => {
  const { paths } = service.app.swagger()
  t.same(Object.keys(paths!).filter(it => it === '/' || it.startsWith('/assets')), [])
})

t.test('without a build the page explains how to create one, and appears once it exists', async t => {
  const dir = path.join(t.testdir(), 'web')
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(securityHeaders)
  await app.register(errors)
  await app.register(uiRoute, { dir })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`

  const missing = await get(url)
  t.equal(missing.status, 404)
  t.match(JSON.parse(missing.body.toString()), {
    code: 'NOT_FOUND', error: 'Not found: GET /: the page has not been built; run "npm run build"'
  })
  t.match(missing.headers['content-security-policy'], /^default-src 'none';base-uri/)
  t.match(JSON.parse((await get(url, { 'accept-language': 'zh' })).body.toString()), {
    error: /^未找到：GET \/（页面尚未构建，请运行 "npm run build"）$/
  })
  t.equal((await get(`${url}/assets/main-12345678.js`)).status, 404)

  mkdirSync(path.join(dir, 'assets'), { recursive: true })
  writeFileSync(path.join(dir, 'index.html'), '<!doctype html>')
  writeFileSync(path.join(dir, 'assets/main-12345678.js'), '1')
  t.match(await get(url), { status: 200, body: Buffer.from('<!doctype html>') })
  t.match(await get(`${url}/assets/main-12345678.js`), { status: 200, body: Buffer.from('1') })
})

t.test('nginx can serve the page below a path', { skip: NO_NGINX }, async t => {
  const open = await startService(t, {}, engine)
  const { url } = await startNginx(t, 'nginx-prefix.conf', [open.port])
  const redirect = await get(`${url}/sightline`)
  t.equal(redirect.status, 301)
  const home = new URL(redirect.headers.location!, url)
  t.equal(home.pathname, '/sightline/')

  const page = await get(home.href, { 'accept-encoding': 'br' })
  t.match(page, { status: 200, headers: { 'content-encoding': 'br', 'content-security-policy': /script-src 'self'/ } })
  for (const [, address] of brotliDecompressSync(page.body).toString().matchAll(/(?:src|href)="([^"]*)"/g)) {
    t.equal((await get(new URL(address!, home).href)).status, 200, `${address}`)
  }
  t.equal((await get(new URL('api/status', home).href)).status, 200)
  t.match(
    await ask(`${url}/sightline`, { message: 'What is in the picture?' }, [await drawShape('circle', 'red', 'white')]),
    { status: 200, body: { success: true } }
  )
  t.equal((await get(`${url}/api/status`)).status, 404, 'paths outside the prefix belong to others')
  await open.quiet()
})
