import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import t from 'tap'
import auth, { createGuessLimit } from '../../plugins/auth.ts'
import errors from '../../plugins/errors.ts'
import { createApiKeys } from '../../services/api-keys.ts'
import { createKeyGuesses } from '../../services/key-guesses.ts'
import { createTestEngine, startService } from '../helper.ts'

const ALICE = 'alice-0123456789abcdef'
const BOB = 'bob-0123456789abcdef'
const LIMIT = 20
const guess = (number: number) => `guess-${number}-0123456789abcdef`

const engine = await createTestEngine(t)

async function startLocked (t: Parameters<typeof startService>[0]) {
  // The test sets the client address in X-Forwarded-For.
  const service = await startService(t, { API_KEYS: `${ALICE},${BOB}`, TRUST_PROXY: '127.0.0.1' }, engine)
  const ask = async (key: string | null, address: string, route = '/api/status') => {
    const response = await fetch(service.url + route, {
      headers: { 'x-forwarded-for': address, ...key !== null && { 'x-api-key': key } }
    })
    return {
      status: response.status, headers: response.headers, body: await response.json() as Record<string, unknown>
    }
  }
  const guesses = async (count: number, address: string) => {
    const statuses = []
    for (let i = 0; i < count; i++) statuses.push((await ask(guess(i), address)).status)
    return statuses
  }
  return { service, ask, guesses }
}

t.test('an address that guesses many keys gets 429 for right and wrong keys alike', async t => {
  const { ask, guesses } = await startLocked(t)
  t.same(await guesses(LIMIT, '192.0.2.1'), Array(LIMIT).fill(401))
  for (const key of [guess(LIMIT), guess(0), ALICE, BOB]) {
    const { status, headers, body } = await ask(key, '192.0.2.1')
    t.equal(status, 429)
    const wait = Number(headers.get('retry-after'))
    t.ok(wait > 30 && wait <= 60, `Retry-After: ${wait}`)
    t.strictSame(body, {
      error: '20 wrong API keys came from this address within a minute; try again later',
      code: 'TOO_MANY_WRONG_KEYS',
      request_id: headers.get('x-request-id'),
      limit: LIMIT
    })
  }
  t.match((await ask(guess(0), '192.0.2.1', '/v1/models')).body, {
    error: { code: 'TOO_MANY_WRONG_KEYS', type: 'rate_limit_error', limit: LIMIT }
  })

  t.equal((await ask(null, '192.0.2.1')).status, 401, 'a request without a key is not a guess')
  t.equal((await ask(guess(0), '192.0.2.1', '/health/live')).status, 200, 'probes need no key')
  t.equal((await ask(ALICE, '192.0.2.2')).status, 200, 'other addresses are not affected')
})

t.test('a key that was valid from the address before still works there, other keys do not', async t => {
  const { ask, guesses } = await startLocked(t)
  t.equal((await ask(ALICE, '192.0.2.1')).status, 200)
  t.equal((await ask(BOB, '192.0.2.2')).status, 200)
  await guesses(LIMIT, '192.0.2.1')
  t.equal((await ask(guess(LIMIT), '192.0.2.1')).status, 429)
  t.equal((await ask(ALICE, '192.0.2.1')).status, 200)
  t.equal((await ask(BOB, '192.0.2.1')).status, 429, 'it was valid from another address only')
})

t.test('the same wrong keys repeated, or no key at all, do not count as guesses', async t => {
  const { ask } = await startLocked(t)
  for (let i = 0; i < 3 * LIMIT; i++) {
    t.equal((await ask(guess(i % 2), '192.0.2.1')).status, 401)
    t.equal((await ask(null, '192.0.2.1')).status, 401)
  }
  t.equal((await ask(ALICE, '192.0.2.1')).status, 200)
})

t.test('the addresses of one IPv6 network count as one', async t => {
  const { ask } = await startLocked(t)
  for (let i = 0; i < LIMIT; i++) t.equal((await ask(guess(i), `2001:db8:1:2::${i + 1}`)).status, 401)
  t.equal((await ask(ALICE, '2001:db8:1:2:ffff::1')).status, 429)
  t.equal((await ask(ALICE, '2001:db8:1:3::1')).status, 200)
})

t.test('keys work again after the window', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(errors)
  await app.register(auth, { keys: createApiKeys([ALICE]), guesses: createGuessLimit(2_500) })
  app.get('/', async () => 'done')
  await app.listen({ host: '127.0.0.1', port: 0 })
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  const ask = async (key: string) => await fetch(url, { headers: { authorization: `Bearer ${key}` } })
  await Promise.all(Array.from({ length: LIMIT }, (_, i) => ask(guess(i))))
  const refused = await ask(ALICE)
  t.equal(refused.status, 429)
  await sleep(Number(refused.headers.get('retry-after')) * 1_000)
  t.equal((await ask(guess(0))).status, 401)
  t.equal((await ask(ALICE)).status, 200)
})

t.test('only the latest addresses and the latest valid keys are remembered', async t => {
  const guesses = createKeyGuesses({ limit: 1, windowMs: 60_000, remembered: 2 })
  for (const address of ['a', 'b', 'c']) t.equal(guesses.judge(address, 'wrong', null), 0)
  t.equal(guesses.judge('a', 'right', 'alice'), 0, 'the oldest is forgotten')
  for (const address of ['b', 'c']) t.equal(guesses.judge(address, 'right', 'alice'), 60)

  const proven = createKeyGuesses({ limit: 1, windowMs: 60_000, remembered: 2 })
  for (const name of ['alice', 'bob', 'alice', 'carol']) t.equal(proven.judge('a', name, name), 0)
  proven.judge('a', 'wrong', null)
  t.same(['alice', 'bob', 'carol'].map(name => proven.judge('a', name, name)), [0, 60, 0])
})
