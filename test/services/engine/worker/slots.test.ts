import { setImmediate as turn } from 'node:timers/promises'
import type { Token } from 'node-llama-cpp'
import t from 'tap'
import { Slot, SlotPool, type Prompt } from '../../../../services/engine/worker/slots.ts'

const never = new AbortController().signal
const reason = new Error('the client left')
const prompt: Prompt = { scope: '', segments: [{ type: 'text', tokens: [1 as Token] }], imageKeys: [] }

const slot = (index: number) => new Slot(index, { forget: async () => true })

t.test('a request that was aborted takes no slot', async t => {
  const pool = new SlotPool([slot(0)])
  await t.rejects(pool.take(prompt, AbortSignal.abort(reason)), reason)
  t.equal((await pool.take(prompt, never)).index, 0)
})

t.test('a request that waits for a slot leaves the queue at once when it is aborted', async t => {
  const pool = new SlotPool([slot(0)])
  const taken = await pool.take(prompt, never)
  const controller = new AbortController()
  const aborted = pool.take(prompt, controller.signal)
  const next = pool.take(prompt, never)
  controller.abort(reason)
  await t.rejects(aborted, reason)
  pool.giveBack(taken)
  t.equal(await next, taken, 'the slot goes to the request behind it')
})

t.test('slots are given to those who wait in the order in which they came', async t => {
  const pool = new SlotPool([slot(0), slot(1)])
  const slots = [await pool.take(prompt, never), await pool.take(prompt, never)]
  const order: string[] = []
  const waiting = ['a', 'b', 'c'].map(async name => {
    const slot = await pool.take(prompt, never)
    order.push(name)
    return slot
  })
  await turn()
  t.same(order, [])
  for (const slot of slots) pool.giveBack(slot)
  const [first] = await Promise.all(waiting.slice(0, 2))
  t.same(order, ['a', 'b'])
  pool.giveBack(first!)
  await waiting[2]
  t.same(order, ['a', 'b', 'c'])
})
