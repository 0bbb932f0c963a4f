import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import auth, { createGuessLimit } from '../../plugins/auth.ts'
import errors, { createErrorHandler } from '../../plugins/errors.ts'
import notFound from '../../plugins/not-found.ts'
import rateLimit, { type RateLimitOptions } from '../../plugins/rate-limit.ts'
import { createApiKeys } from '../../services/api-keys.ts'
import { createTestEngine, startService } from '../helper.ts'
import { connectRaw, formHead } from '../raw-client.ts'

const ALICE = 'alice-0123456789abcdef'
const BOB = 'bob-0123456789abcdef'
const WRONG = 'mallory-0123456789abcdef'

/** Long enough for a few requests on a busy machine, short enough to wait for. */
const WINDOW_MS = 4_000

async function createApp (t: Test, options: RateLimitOptions, keys: string[] = []) {
  // The test sets the client address in X-Forwarded-For.
  const app = Fastify({ trustProxy: ['127.0.0.1'] })
  t.teardown(() => app.close())
  await app.register(errors)
  const access = { keys: createApiKeys(keys), guesses: createGuessLimit() }
  await app.register(async others => {
    await others.register(auth, access)
    await others.register(notFound)
    others.get('/other', async () => 'done')
  })
  await app.register(async questions => {
    await questions.register(auth, access)
    await questions.register(rateLimit, options)
    questions.get('/work', async () => 'done')
    await questions.register(async shaped => {
      shaped.setErrorHandler(createErrorHandler(error => ({ shape: error.code })))
      shaped.get('/shaped', async () => 'done')
    })
  })
  return app
}

async function startApp (t: Test, options: RateLimitOptions, keys?: string[]) {
  const app = await createApp(t, options, keys)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  return async (headers: Record<string, string> = {}, route = '/work') => await fetch(url + route, { headers })
}

type Ask = Awaited<ReturnType<typeof startApp>>

async function statuses (ask: Ask, count: number, headers?: Record<string, string>, route?: string): Promise<number[]> {
  const all: number[] = []
  for (let i = 0; i < count; i++) all.push((await ask(headers, route)).status)
  return all
}

const from = (address: string) => ({ 'x-forwarded-for': address })

t.test('an address over its limit gets 429 until its window ends, other addresses are not affected', async t => {
  const ask = await startApp(t, { perKey: 0, perAddress: 2, windowMs: WINDOW_MS })
  t.same(await statuses(ask, 2, from('192.0.2.1')), [200, 200])
  const refused = await ask(from('192.0.2.1'))
  t.equal(refused.status, 429)
  const wait = Number(refused.headers.get('retry-after'))
  t.ok(wait >= 1 && wait <= Math.ceil(WINDOW_MS / 1000), `Retry-After: ${wait}`)
  t.match(await refused.json(), {
    code: 'RATE_LIMITED',
    error: 'More than 2 requests were sent within a minute; try again later',
    limit: 2,
    request_id: String
  })
  t.same(await statuses(ask, 2, from('192.0.2.2')), [200, 200])

  // A client that waits for Retry-After is served: refused requests do not extend the window.
  await sleep(wait * 1000)
  t.same(await statuses(ask, 3, from('192.0.2.1')), [200, 200, 429])
})

t.test('the refusal has the client\'s preferred language and the error shape of the route', async t => {
  const ask = await startApp(t, { perKey: 0, perAddress: 1 })
  t.equal((await ask()).status, 200)
  t.match(await (await ask({ 'accept-language': 'zh' })).json(), { code: 'RATE_LIMITED', error: '一分钟内的请求超过 1 次，请稍后重试' })
  const shaped = await ask({}, '/shaped')
  t.match(shaped.headers.get('retry-after'), /^(5\d|60)$/)
  t.same(await shaped.json(), { shape: 'RATE_LIMITED' })
})

t.test('only requests to the model are counted', async t => {
  const ask = await startApp(t, { perKey: 1, perAddress: 1 }, [ALICE])
  const headers = { 'x-api-key': ALICE }
  t.same(await statuses(ask, 5, headers, '/other'), [200, 200, 200, 200, 200])
  t.same(await statuses(ask, 3, headers, '/nowhere'), [404, 404, 404])
  t.same(await statuses(ask, 2, headers), [200, 429])
  t.same(await statuses(ask, 1, headers, '/other'), [200])
})

t.test('a key is counted over all addresses, and each key separately', async t => {
  const ask = await startApp(t, { perKey: 2, perAddress: 0 }, [ALICE, BOB])
  t.equal((await ask({ ...from('192.0.2.1'), 'x-api-key': ALICE })).status, 200)
  t.equal((await ask({ ...from('192.0.2.2'), authorization: `Bearer ${ALICE}` })).status, 200)
  t.equal((await ask({ ...from('192.0.2.3'), 'x-api-key': ALICE })).status, 429)
  t.same(await statuses(ask, 3, { ...from('192.0.2.1'), 'x-api-key': BOB }), [200, 200, 429])
})

t.test('a service without keys counts no requests per key', async t => {
  const ask = await startApp(t, { perKey: 1, perAddress: 0 })
  t.same(await statuses(ask, 3, { 'x-api-key': ALICE }), [200, 200, 200])
})

t.test('requests with a wrong key are not counted', async t => {
  const ask = await startApp(t, { perKey: 1, perAddress: 1 }, [ALICE])
  t.same(await statuses(ask, 3, { 'x-api-key': WRONG }), [401, 401, 401])
  t.equal((await ask({ 'x-api-key': ALICE })).status, 200)
})

t.test('requests beyond the limit of an address do not count for the key', async t => {
  const ask = await startApp(t, { perKey: 3, perAddress: 2 }, [ALICE])
  t.same(await statuses(ask, 5, { ...from('192.0.2.1'), 'x-api-key': ALICE }), [200, 200, 429, 429, 429])
  const other = { ...from('192.0.2.2'), 'x-api-key': ALICE }
  t.equal((await ask(other)).status, 200)
  const refused = await ask(other)
  t.match(await refused.json(), { code: 'RATE_LIMITED', limit: 3 })
})

t.test('addresses of one IPv6 network count as one, and so do both notations of an IPv4 address', async t => {
  const ask = await startApp(t, { perKey: 0, perAddress: 1 })
  t.equal((await ask(from('2001:db8:1:2::1'))).status, 200)
  t.equal((await ask(from('2001:DB8:1:2:ffff:ffff:ffff:ffff'))).status, 429)
  t.equal((await ask(from('2001:db8:1:3::1'))).status, 200)
  t.equal((await ask(from('192.0.2.1'))).status, 200)
  t.equal((await ask(from('::ffff:192.0.2.1'))).status, 429)
})

t.test('X-Forwarded-For of an untrusted client is ignored', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(errors)
  await app.register(auth, { keys: createApiKeys([]), guesses: createGuessLimit() })
  await app.register(rateLimit, { perKey: 0, perAddress: 1 })
  app.get('/work', async () => 'done')
  await app.listen({ host: '127.0.0.1', port: 0 })
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/work`
  t.equal((await fetch(url, { headers: from('192.0.2.1') })).status, 200)
  t.equal((await fetch(url, { headers: from('192.0.2.2') })).status, 429)
})

t.test('connections without an address, as those of clients that left, are counted together', async t => {
  const app = await createApp(t, { perKey: 0, perAddress: 1 })
  // The path of a Unix socket is limited to about a hundred characters.
  const folder = mkdtempSync(path.join(tmpdir(), 'sightline-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const socketPath = path.join(folder, 'socket')
  await app.listen({ path: socketPath })
  const ask = async () => {
    const [response] = await once(httpRequest({ socketPath, path: '/work' }).end(), 'response') as [IncomingMessage]
    return [response.statusCode, await text(response)]
  }
  t.same(await ask(), [200, 'done'])
  t.match(await ask(), [429, /RATE_LIMITED/])
})

t.test('a limit of zero is no limit', async t => {
  const app = await createApp(t, { perKey: 0, perAddress: 0 })
  t.notOk(app.hasDecorator('createRateLimit'))
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const all = await Promise.all(Array.from({ length: 200 }, () => fetch(`http://127.0.0.1:${port}/work`)))
  t.ok(all.every(({ status }) => status === 200))
})

t.test('a rate-limited request is refused before its body, without a slot', async t => {
  const engine = await createTestEngine(t)
  const service = await startService(
    t, { API_KEYS: `${ALICE},${BOB}`, RATE_LIMIT_KEY: '1', RATE_LIMIT_ADDRESS: '3', MAX_CONCURRENT_REQUESTS: '1' },
    engine
  )
  const heads: Array<Awaited<ReturnType<typeof connectRaw>>> = []
  const sendHead = async (key: string) => {
    const client = await connectRaw(service.port)
    heads.push(client)
    client.send(formHead('/api/chat', 1000, `X-API-Key: ${key}\r\nExpect: 100-continue\r\n`))
    return client
  }
  t.match(await (await sendHead(ALICE)).until(/^HTTP.*\r\n/), /100 Continue/)

  // First the key is over its limit. Then another key finds no slot. Then the address is over its limit.
  const overKey = await (await sendHead(ALICE)).until(/"code":"[A-Z_]+"[^]*\}/)
  t.match(overKey, /^HTTP\/1\.1 429 [^]*^retry-after: (5\d|60)\r$[^]*"code":"RATE_LIMITED"[^]*"limit":1/m)
  t.match(await (await sendHead(BOB)).until(/"code":"[A-Z_]+"/), /"code":"SERVER_BUSY"/)
  t.match(service.app.slots.stats(), { served: 1, rejected: 1 })
  t.match(await (await sendHead(BOB)).until(/"code":"[A-Z_]+"[^]*\}/), /"code":"RATE_LIMITED"[^]*"limit":3/)
  t.match(service.app.slots.stats(), { served: 1, rejected: 1 })
  t.same(service.leftovers(), [])

  // The status is not limited.
  t.equal((await fetch(`${service.url}/api/status`, { headers: { 'x-api-key': ALICE } })).status, 200)
  for (const { socket } of heads) socket.destroy()
  await service.quiet()
})
