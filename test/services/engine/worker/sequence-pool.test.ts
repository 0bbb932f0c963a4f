import { setImmediate as turn } from 'node:timers/promises'
import type { Token } from 'node-llama-cpp'
import t from 'tap'
import { SequencePool } from '../../../../services/engine/worker/sequence-pool.ts'
import { Sequence, type Prompt } from '../../../../services/engine/worker/sequence.ts'

const never = new AbortController().signal
const reason = new Error('the client left')
const prompt: Prompt = { scope: '', segments: [{ type: 'text', tokens: [1 as Token] }], imageKeys: [] }

const unused = async () => { throw new Error('the pool computes nothing') }
const sequence = (index: number) => new Sequence(index, {
  rewind: 'anywhere',
  reproducible: true,
  decodeText: unused,
  decodeImage: unused,
  forget: unused,
  createCheckpoint: () => { throw new Error('the pool saves nothing') },
  save: unused,
  restore: unused
})

t.test('an aborted request takes no sequence', async t => {
  const pool = new SequencePool([sequence(0)])
  await t.rejects(pool.take(prompt, AbortSignal.abort(reason)), reason)
  t.equal((await pool.take(prompt, never)).index, 0)
})

t.test('an aborted request that waits for a sequence leaves the queue at once', async t => {
  const pool = new SequencePool([sequence(0)])
  const taken = await pool.take(prompt, never)
  const controller = new AbortController()
  const aborted = pool.take(prompt, controller.signal)
  const next = pool.take(prompt, never)
  controller.abort(reason)
  await t.rejects(aborted, reason)
  pool.giveBack(taken)
  t.equal(await next, taken, 'the sequence goes to the next request')
})

t.test('waiting requests get sequences in the order of their calls', async t => {
  const pool = new SequencePool([sequence(0), sequence(1)])
  const sequences = [await pool.take(prompt, never), await pool.take(prompt, never)]
  const order: string[] = []
  const waiting = ['a', 'b', 'c'].map(async name => {
    const taken = await pool.take(prompt, never)
    order.push(name)
    return taken
  })
  await turn()
  t.same(order, [])
  for (const taken of sequences) pool.giveBack(taken)
  const [first] = await Promise.all(waiting.slice(0, 2))
  t.same(order, ['a', 'b'])
  pool.giveBack(first!)
  await waiting[2]
  t.same(order, ['a', 'b', 'c'])
})
