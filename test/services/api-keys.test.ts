import { createHash } from 'node:crypto'
import t from 'tap'
import { createApiKeys, apiKeyOf } from '../../services/api-keys.ts'

const ALICE = 'alice-0123456789abcdef'
const BOB = 'bob-0123456789abcdef'

t.test('every key has its own name, the same after a restart', async t => {
  const keys = createApiKeys([ALICE, BOB])
  t.equal(keys.open, false)
  const names = [keys.nameOf(ALICE), keys.nameOf(BOB)]
  for (const name of names) t.match(name, /^[0-9a-f]{16}$/)
  t.not(names[0], names[1])
  // Neither its place in the list nor its neighbours matter.
  t.same([BOB, ALICE].map(key => createApiKeys([BOB, 'carol-0123456789abcdef', ALICE]).nameOf(key)), names.reverse())
})

t.test('a name is not a plain hash of the key', async t => {
  const name = createApiKeys([ALICE]).nameOf(ALICE)!
  t.notOk(createHash('sha256').update(ALICE).digest('hex').includes(name))
})

t.test('a text that is almost a key is refused', async t => {
  const keys = createApiKeys([ALICE, BOB])
  for (const wrong of [
    '', ALICE.slice(0, -1), `${ALICE}x`, ALICE.toUpperCase(), ` ${ALICE}`, `${ALICE},${BOB}`, 'älice-0123456789abcdef'
  ]) t.equal(keys.nameOf(wrong), null, wrong)
})

t.test('without keys every client is accepted and no key is known', async t => {
  const keys = createApiKeys([])
  t.equal(keys.open, true)
  t.equal(keys.nameOf(ALICE), null)
})

t.test('a key is read from Bearer or X-API-Key; two different keys count as none', async t => {
  for (const [authorization, plain, key] of [
    [undefined, undefined, null],
    [[`Bearer ${ALICE}`], undefined, ALICE],
    [[`bearer   ${ALICE}`], undefined, ALICE],
    [undefined, [ALICE], ALICE],
    // the same key twice
    [[`Bearer ${ALICE}`], [ALICE], ALICE],
    [[`Bearer ${ALICE}`, `Bearer ${ALICE}`], undefined, ALICE],
    [undefined, [ALICE, ALICE], ALICE],
    // two keys
    [[`Bearer ${ALICE}`], [BOB], null],
    [[`Bearer ${ALICE}`, `Bearer ${BOB}`], undefined, null],
    [undefined, [ALICE, BOB], null],
    // no keys at all
    [['Basic YWxpY2U6c2VjcmV0'], undefined, null],
    [['Basic YWxpY2U6c2VjcmV0'], [ALICE], ALICE],
    [['Bearer'], [ALICE], ALICE],
    [[ALICE], undefined, null],
    [[`Bearer${ALICE}`], undefined, null],
    [[`Bearer ${ALICE}`], [''], ALICE],
    [[''], [''], null]
  ] as const) {
    const headers =
      { ...authorization && { authorization: [...authorization] }, ...plain && { 'x-api-key': [...plain] } }
    t.equal(apiKeyOf(headers), key, JSON.stringify(headers))
  }
})
