import type { AddressInfo } from 'node:net'
import { Writable } from 'node:stream'
import Fastify from 'fastify'
import { pino } from 'pino'
import t from 'tap'
import auth, { createGuessLimit } from '../../plugins/auth.ts'
import errors from '../../plugins/errors.ts'
import { createApiKeys } from '../../services/api-keys.ts'
import { createTestEngine, startService } from '../helper.ts'
import { connectRaw, formHead } from '../raw-client.ts'

const ALICE = 'alice-0123456789abcdef'
const BOB = 'bob-0123456789abcdef'
const WRONG = 'mallory-0123456789abcdef'

const engine = await createTestEngine(t)
const service = await startService(t, { API_KEYS: `${ALICE}, ${BOB}` }, engine)

async function chat (url: string, headers: Record<string, string>) {
  const response = await fetch(`${url}/api/chat`, {
    method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: '{"message":"Hi"}'
  })
  return { status: response.status, headers: response.headers, body: await response.json() as Record<string, unknown> }
}

t.test('every key works, in either header', async t => {
  for (const headers of [
    { authorization: `Bearer ${ALICE}` }, { authorization: `Bearer ${BOB}` }, { 'x-api-key': ALICE },
    { 'x-api-key': BOB, authorization: `Bearer ${BOB}` }
  ] as Array<Record<string, string>>) {
    const { status, body } = await chat(service.url, headers)
    t.equal(status, 200)
    t.match(body, { success: true })
  }
  await service.quiet()
})

t.test('no key or a wrong key gets 401', async t => {
  for (const headers of [
    {}, { authorization: `Bearer ${WRONG}` }, { 'x-api-key': WRONG }, { authorization: 'Basic YWxpY2U6c2VjcmV0' }
  ] as Array<Record<string, string>>) {
    const { status, headers: answered, body } = await chat(service.url, headers)
    t.equal(status, 401)
    t.equal(answered.get('www-authenticate'), 'Bearer')
    t.equal(answered.get('x-request-id'), body.request_id)
    t.strictSame(body, {
      error: 'A valid API key is required; send "Authorization: Bearer <key>" or "X-API-Key: <key>"',
      code: 'UNAUTHORIZED',
      request_id: body.request_id
    })
  }
})

t.test('two different keys get 401 and are named as the reason', async t => {
  for (const headers of [
    { authorization: `Bearer ${ALICE}`, 'x-api-key': BOB }, { authorization: 'Bearer none', 'x-api-key': ALICE }
  ]) {
    const { status, body } = await chat(service.url, headers)
    t.equal(status, 401)
    t.match(body, { code: 'UNAUTHORIZED', error: /several different API keys in "Authorization" and "X-API-Key"/ })
  }
})

t.test('a client that prefers Chinese gets the refusal in Chinese', async t => {
  const { status, body } = await chat(service.url, { 'accept-language': 'zh' })
  t.equal(status, 401)
  t.match(body, { code: 'UNAUTHORIZED', error: /^需要有效的 API 密钥；/ })
})

t.test('a repeated header must contain the same key', async t => {
  const client = await connectRaw(service.port)
  const ask = (headers: string[]) =>
    client.send(`GET /api/status HTTP/1.1\r\nHost: test\r\n${headers.map(header => `${header}\r\n`).join('')}\r\n`)
  ask([`X-API-Key: ${ALICE}`, `X-API-Key: ${ALICE}`])
  t.match(await client.until(/"uptime_s"/), /^HTTP\/1\.1 200 /)
  ask([`Authorization: Bearer ${ALICE}`, `Authorization: Bearer ${WRONG}`])
  t.match(await client.until(/"UNAUTHORIZED"/), /HTTP\/1\.1 401 /)
  client.socket.destroy()
})

t.test('every path needs a key, also unknown ones, except the probes and the page', async t => {
  for (const path of ['/api/status', '/openapi.json', '/api/chat', '/no/such/path', '/health', '/health/live/more']) {
    t.equal((await fetch(service.url + path)).status, 401, path)
  }
  t.equal((await fetch(`${service.url}/api/status`, { method: 'OPTIONS' })).status, 401)
  for (const path of ['/health/live', '/health/ready']) {
    for (const method of ['GET', 'HEAD']) {
      t.equal((await fetch(service.url + path, { method })).status, 200, `${method} ${path}`)
    }
    t.equal(
      (await fetch(service.url + path, { headers: { 'x-api-key': WRONG } })).status, 200,
      'probes ignore a wrong key'
    )
  }

  const headers = { authorization: `Bearer ${ALICE}` }
  t.equal((await fetch(`${service.url}/api/status`, { headers })).status, 200)
  t.equal((await fetch(`${service.url}/no/such/path`, { headers })).status, 404)
})

t.test('a request with a wrong key gets 401 before its body, without a slot or a folder', async t => {
  const one = await startService(t, { API_KEYS: ALICE, MAX_CONCURRENT_REQUESTS: '1' }, engine)
  const holder = await connectRaw(one.port)
  holder.send(formHead('/api/chat', 1000, `X-API-Key: ${ALICE}\r\nExpect: 100-continue\r\n`))
  t.match(await holder.until(/^HTTP.*\r\n/), /100 Continue/)

  // The only slot is taken: a check for a slot before the key would answer 429.
  const client = await connectRaw(one.port)
  const size = 4 * 1024 * 1024
  client.send(formHead('/api/chat', size, `X-API-Key: ${WRONG}\r\n`))
  const answer = await client.until(/"code":"[A-Z_]+"/)
  t.match(answer, /^HTTP\/1\.1 401 [^]*"code":"UNAUTHORIZED"/)
  t.match(one.app.slots.stats(), { taken: 1, served: 1, rejected: 0 })
  t.same(one.leftovers(), [])

  // The rest of the body is discarded, and the connection stays usable.
  client.send(Buffer.alloc(size))
  client.send('GET /health/live HTTP/1.1\r\nHost: test\r\n\r\n')
  t.match(await client.until(/"status":"ok"/), /200 OK/)

  const polite = await connectRaw(one.port)
  polite.send(formHead('/api/chat', 1000, 'Expect: 100-continue\r\n'))
  t.notMatch(await polite.until(/"code":"UNAUTHORIZED"/), /100 Continue/)

  for (const { socket } of [holder, client, polite]) socket.destroy()
  await one.quiet()
  t.equal(one.app.slots.stats().served, 1)
})

t.test('a service without keys accepts requests with and without a key', async t => {
  const open = await startService(t, {}, engine)
  t.equal((await chat(open.url, {})).status, 200)
  t.equal((await chat(open.url, { authorization: `Bearer ${WRONG}` })).status, 200)
  t.equal((await fetch(`${open.url}/no/such/path`)).status, 404)
  await open.quiet()
})

t.test('a request has the scope of its key, and neither log nor answer contains a key', async t => {
  const lines: string[] = []
  const logger = pino({ level: 'trace' }, new Writable({
    write (chunk, _encoding, done) {
      lines.push(String(chunk))
      done()
    }
  }))
  const keys = createApiKeys([ALICE, BOB])
  const app = Fastify({ loggerInstance: logger })
  t.teardown(() => app.close())
  await app.register(errors)
  await app.register(auth, { keys, guesses: createGuessLimit() })
  app.get('/whose', async request => {
    request.log.info(request.client, 'asked')
    return request.client
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  const answers: string[] = []
  const ask = async (path: string, headers: Record<string, string>) => {
    const response = await fetch(url + path, { headers })
    answers.push(JSON.stringify([...response.headers]), await response.text())
    return answers.at(-1)
  }

  t.equal(await ask('/whose', { 'x-api-key': ALICE }), JSON.stringify({ scope: keys.nameOf(ALICE) }))
  t.equal(await ask('/whose', { authorization: `Bearer ${BOB}` }), JSON.stringify({ scope: keys.nameOf(BOB) }))
  t.match(await ask('/whose', { 'x-api-key': WRONG }), /UNAUTHORIZED/)
  t.match(await ask('/whose', { 'x-api-key': ALICE, authorization: `Bearer ${BOB}` }), /UNAUTHORIZED/)

  const output = [...lines, ...answers].join('\n')
  t.match(output, /request refused/)
  for (const key of [ALICE, BOB, WRONG]) t.notOk(output.includes(key), key)
})
