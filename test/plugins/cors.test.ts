import t from 'tap'
import { createForm, createTestEngine, readEvents, startService } from '../helper.ts'
import { connectRaw, formHead } from '../raw-client.ts'

const KEY = 'alice-0123456789abcdef'
const PAGE = 'https://chat.example.com'
const OTHER = 'https://other.example.com'

const engine = await createTestEngine(t)
const service = await startService(
  t, { API_KEYS: KEY, CORS_ORIGIN: `${PAGE}, http://localhost:8080`, MAX_CONCURRENT_REQUESTS: '1' }, engine
)

const preflightHeaders = (origin: string) =>
  ({ origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type' })

async function preflight (url: string, origin: string, path = '/api/chat_stream') {
  const response = await fetch(url + path, { method: 'OPTIONS', headers: preflightHeaders(origin) })
  return { status: response.status, headers: response.headers, body: await response.text() }
}

/** Names of the CORS headers in a response. */
function corsHeaders (headers: Headers): string[] {
  return [...headers.keys()].filter(name => name.startsWith('access-control-'))
}

t.test('a preflight is answered without a key, and takes no slot', async t => {
  const holder = await connectRaw(service.port)
  holder.send(formHead('/api/chat', 1000, `X-API-Key: ${KEY}\r\nExpect: 100-continue\r\n`))
  t.match(await holder.until(/^HTTP.*\r\n/), /100 Continue/)
  const before = service.app.slots.stats()
  for (const origin of [PAGE, 'http://localhost:8080']) {
    for (const path of ['/api/chat_stream', '/api/chat', '/api/status']) {
      const { status, headers, body } = await preflight(service.url, origin, path)
      t.equal(status, 204)
      t.equal(body, '')
      t.equal(headers.get('access-control-allow-origin'), origin)
      t.equal(headers.get('access-control-allow-methods'), 'GET, POST')
      t.equal(headers.get('access-control-allow-headers'), 'authorization,content-type', 'those that were asked for')
      t.equal(headers.get('access-control-max-age'), '600')
      t.equal(headers.has('access-control-allow-credentials'), false)
      t.match(headers.get('vary'), /\bOrigin\b/)
    }
  }
  t.same(service.app.slots.stats(), before)
  holder.socket.destroy()
  await service.quiet()
})

t.test('an origin that is not listed gets no CORS headers', async t => {
  for (const origin of [OTHER, 'null', `${PAGE}.evil.example`, 'http://chat.example.com', `${PAGE}:8443`]) {
    const { headers } = await preflight(service.url, origin)
    t.equal(headers.has('access-control-allow-origin'), false, origin)
    t.match(headers.get('vary'), /\bOrigin\b/)
    const probe = await fetch(`${service.url}/health/live`, { headers: { origin } })
    t.equal(probe.headers.has('access-control-allow-origin'), false, origin)
    await probe.text()
  }
})

t.test('a page may read streams and refusals: 401, 429, 400, 404', async t => {
  const limited = await startService(t, { API_KEYS: KEY, CORS_ORIGIN: PAGE, RATE_LIMIT_KEY: '2' }, engine)
  const readable = (headers: Headers) => {
    t.equal(headers.get('access-control-allow-origin'), PAGE)
    t.equal(headers.get('access-control-expose-headers'), 'X-Request-Id, Retry-After')
    t.equal(headers.has('access-control-allow-credentials'), false)
    t.match(headers.get('vary'), /\bOrigin\b/)
  }
  const headers = { origin: PAGE, authorization: `Bearer ${KEY}` }
  const stream = async (fields: Record<string, string>, extra: Record<string, string> = headers) =>
    await fetch(`${limited.url}/api/chat_stream`, { method: 'POST', headers: extra, body: createForm(fields) })

  const answer = await stream({ message: 'Hi' })
  t.equal(answer.status, 200)
  t.match(answer.headers.get('content-type'), /^text\/event-stream/)
  t.ok(answer.headers.get('x-request-id'))
  readable(answer.headers)
  const events: string[] = []
  for await (const { event } of readEvents(answer)) events.push(event)
  t.equal(events.at(-1), 'done')

  const nobody = await stream({ message: 'Hi' }, { origin: PAGE })
  t.equal(nobody.status, 401)
  readable(nobody.headers)
  await nobody.text()

  const malformed = await stream({})
  t.equal(malformed.status, 400)
  readable(malformed.headers)
  await malformed.text()

  const often = await stream({ message: 'Hi' })
  t.match(await often.json(), { code: 'RATE_LIMITED' })
  t.equal(often.status, 429)
  t.match(often.headers.get('retry-after'), /^\d+$/)
  readable(often.headers)

  const nothing = await fetch(`${limited.url}/no/such/path`, { headers })
  t.equal(nothing.status, 404)
  readable(nothing.headers)
  await nothing.text()
  await limited.quiet()
})

t.test('a page may read the refusal when all slots are busy', async t => {
  const open = await startService(t, { CORS_ORIGIN: PAGE, MAX_CONCURRENT_REQUESTS: '1' }, engine)
  const holder = await connectRaw(open.port)
  holder.send(formHead('/api/chat', 1000, 'Expect: 100-continue\r\n'))
  t.match(await holder.until(/^HTTP.*\r\n/), /100 Continue/)
  const busy = await fetch(`${open.url}/api/chat`, {
    method: 'POST', headers: { origin: PAGE }, body: createForm({ message: 'Hi' })
  })
  t.equal(busy.status, 429)
  t.match(await busy.json(), { code: 'SERVER_BUSY' })
  t.equal(busy.headers.get('access-control-allow-origin'), PAGE)
  holder.socket.destroy()
  await open.quiet()
})

t.test('a star allows every origin, without credentials', async t => {
  const open = await startService(t, { CORS_ORIGIN: '*' }, engine)
  for (const origin of [PAGE, OTHER]) {
    const { status, headers } = await preflight(open.url, origin)
    t.equal(status, 204)
    t.equal(headers.get('access-control-allow-origin'), '*')
    t.equal(headers.has('access-control-allow-credentials'), false)
  }
})

t.test('an OPTIONS request that is not a preflight is answered in the same way', async t => {
  const response = await fetch(`${service.url}/api/chat`, { method: 'OPTIONS' })
  t.equal(response.status, 204)
  t.equal(await response.text(), '')
})

t.test('without CORS_ORIGIN there are no CORS headers, and a preflight is a request like any other', async t => {
  const closed = await startService(t, {}, engine)
  const { status, headers, body } = await preflight(closed.url, PAGE)
  t.equal(status, 405)
  t.match(JSON.parse(body), { code: 'METHOD_NOT_ALLOWED' })
  t.same(corsHeaders(headers), [])
  const probe = await fetch(`${closed.url}/health/live`, { headers: { origin: PAGE } })
  t.equal(probe.status, 200)
  t.same(corsHeaders(probe.headers), [])
  t.equal(probe.headers.has('vary'), false)

  const locked = await startService(t, { API_KEYS: KEY }, engine)
  const refused = await preflight(locked.url, PAGE)
  t.equal(refused.status, 401)
  t.same(corsHeaders(refused.headers), [])
})
