import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { createSlots, type Slot, type Slots } from '../../services/slots.ts'
import { generator } from '../../tools/lib/random.ts'

// The timers of the queue do not keep a process alive.
const keepAlive = setInterval(() => {}, 1000)
t.teardown(() => clearInterval(keepAlive))

const never = new AbortController().signal
const QUEUE_TIMEOUT_MS = 30

function take (slots: Slots): Slot {
  const slot = slots.tryTake()
  if (!slot) throw new Error('No slot is free')
  return slot
}

t.test('gives every slot once and returns null if none is free', async t => {
  const slots = createSlots({ size: 3, queueSize: 0, queueTimeoutMs: 1000 })
  const taken = [take(slots), take(slots), take(slots)]
  t.strictSame(taken.map(slot => slot.id).sort(), [0, 1, 2])
  t.strictSame(taken.map(slot => slot.waitedMs), [0, 0, 0])
  t.equal(slots.tryTake(), null)
  t.strictSame(slots.stats(), {
    size: 3, taken: 3, free: 0, queued: 0, queueSize: 0, served: 3, rejected: 0, timedOut: 0
  })
  taken[1]!.release()
  t.equal(take(slots).id, taken[1]!.id)
})

t.test('release is idempotent, even when the slot has a new owner', async t => {
  const slots = createSlots({ size: 1, queueSize: 0, queueTimeoutMs: 1000 })
  const first = take(slots)
  first.release()
  first.release()
  t.match(slots.stats(), { taken: 0, free: 1 })
  take(slots)
  first.release()
  t.match(slots.stats(), { taken: 1, free: 0 })
  t.equal(slots.tryTake(), null)
})

t.test('refuses with SERVER_BUSY without a queue', async t => {
  const slots = createSlots({ size: 1, queueSize: 0, queueTimeoutMs: 1000 })
  take(slots)
  await t.rejects(slots.wait(never), { code: 'SERVER_BUSY', statusCode: 429 })
  t.match(slots.stats(), { taken: 1, queued: 0, rejected: 1 })
})

t.test('wait returns a free slot without queueing, with and without a queue', async t => {
  for (const queueSize of [0, 4]) {
    const slots = createSlots({ size: 1, queueSize, queueTimeoutMs: 1000 })
    t.match(await slots.wait(), { id: 0, waitedMs: 0 })
  }
})

t.test('serves the queue in order of arrival and reports each wait', async t => {
  const slots = createSlots({ size: 1, queueSize: 3, queueTimeoutMs: 5000 })
  let holder = take(slots)
  const order: string[] = []
  const waiting = ['a', 'b', 'c'].map(async name => {
    holder = await slots.wait(never)
    order.push(name)
    return holder
  })
  t.equal(slots.stats().queued, 3)
  await t.rejects(slots.wait(never), { code: 'SERVER_BUSY' }, 'the fourth finds the queue full')
  await sleep(20)
  for (const next of waiting) {
    holder.release()
    t.ok((await next).waitedMs >= 15)
  }
  t.strictSame(order, ['a', 'b', 'c'])
  t.match(slots.stats(), { served: 4, rejected: 1, queued: 0 })
})

t.test('gives a released slot to the first waiter, not to a newcomer', async t => {
  const slots = createSlots({ size: 1, queueSize: 2, queueTimeoutMs: 5000 })
  const holder = take(slots)
  const waiting = slots.wait(never)
  holder.release()
  t.equal(slots.tryTake(), null, 'not even before the waiter has noticed')
  t.match(slots.stats(), { taken: 1, free: 0, queued: 0 })
  t.equal((await waiting).id, 0)
})

t.test('skips waiters that left', async t => {
  const slots = createSlots({ size: 1, queueSize: 3, queueTimeoutMs: 5000 })
  const holder = take(slots)
  const left = new AbortController()
  const gone = slots.wait(left.signal)
  const here = slots.wait(never)
  left.abort(new Error('client left'))
  await t.rejects(gone, { message: 'client left' })
  t.equal(slots.stats().queued, 1)
  holder.release()
  t.equal((await here).id, 0)
})

t.test('a waiter aborted during the hand-over passes the slot on', async t => {
  const slots = createSlots({ size: 1, queueSize: 3, queueTimeoutMs: 5000 })
  const holder = take(slots)
  const left = new AbortController()
  const gone = slots.wait(left.signal)
  const here = slots.wait(never)
  holder.release()
  left.abort(new Error('client left'))
  await t.rejects(gone, { message: 'client left' })
  ;(await here).release()
  t.match(slots.stats(), { taken: 0, free: 1, queued: 0 })
})

t.test('takes no slot if the signal has fired before', async t => {
  const slots = createSlots({ size: 1, queueSize: 1, queueTimeoutMs: 5000 })
  await t.rejects(slots.wait(AbortSignal.abort(new Error('client left'))), { message: 'client left' })
  t.match(slots.stats(), { taken: 0, served: 0 })
})

t.test('refuses with QUEUE_TIMEOUT after the longest wait', async t => {
  const slots = createSlots({ size: 1, queueSize: 1, queueTimeoutMs: QUEUE_TIMEOUT_MS })
  const holder = take(slots)
  await t.rejects(slots.wait(never), { code: 'QUEUE_TIMEOUT', statusCode: 503, message: /0\.03 seconds/ })
  t.match(slots.stats(), { taken: 1, queued: 0, timedOut: 1, rejected: 0 })
  holder.release()
  t.match(slots.stats(), { taken: 0, free: 1 })
})

t.test('a waiter that was served is not timed out later', async t => {
  const slots = createSlots({ size: 1, queueSize: 1, queueTimeoutMs: QUEUE_TIMEOUT_MS })
  const holder = take(slots)
  const waiting = slots.wait(never)
  holder.release()
  await waiting
  await sleep(2 * QUEUE_TIMEOUT_MS)
  t.match(slots.stats(), { taken: 1, timedOut: 0 })
})

t.test('close refuses waiting and new requests and lets the others finish', async t => {
  const slots = createSlots({ size: 2, queueSize: 2, queueTimeoutMs: 5000 })
  const holders = [take(slots), take(slots)]
  const waiting = [slots.wait(never), slots.wait(never)]
  const refused = Promise.all(waiting.map(one => t.rejects(one, { code: 'SHUTTING_DOWN', statusCode: 503 })))
  slots.close()
  slots.close()
  await refused
  t.match(slots.stats(), { taken: 2, queued: 0 })
  for (const holder of holders) holder.release()
  t.match(slots.stats(), { taken: 0, free: 2 })
  t.equal(slots.tryTake(), null)
  await t.rejects(slots.wait(never), { code: 'SHUTTING_DOWN' })
})

t.test('leaves no listeners on a signal', async t => {
  const slots = createSlots({ size: 1, queueSize: 1, queueTimeoutMs: QUEUE_TIMEOUT_MS })
  const { signal } = new AbortController()
  const listening = new Set<unknown>()
  const { addEventListener, removeEventListener } = signal
  t.intercept(signal, 'addEventListener', {
    value: (
      type: string, listener: () => void
    ) => { listening.add(listener); addEventListener.call(signal, type, listener) }
  })
  t.intercept(signal, 'removeEventListener', {
    value: (
      type: string, listener: () => void
    ) => { listening.delete(listener); removeEventListener.call(signal, type, listener) }
  })
  const holder = take(slots)
  const served = slots.wait(signal)
  t.equal(listening.size, 1)
  holder.release()
  await served
  await t.rejects(slots.wait(signal), { code: 'QUEUE_TIMEOUT' })
  t.equal(listening.size, 0)
})

t.test('retry-after grows with the time per slot and the length of the queue, from 1 to 60 whole seconds', async t => {
  let now = 0
  t.intercept(performance, 'now', { value: () => now })
  const hold = (slots: Slots, ms: number) => {
    const slot = take(slots)
    now += ms
    slot.release()
  }
  const one = createSlots({ size: 1, queueSize: 5, queueTimeoutMs: 5000 })
  t.equal(one.retryAfterSeconds(), 1, 'nothing is known yet')
  hold(one, 8000)
  t.equal(one.retryAfterSeconds(), 8)
  hold(one, 3100)
  t.equal(one.retryAfterSeconds(), 8, 'a moving average, rounded up')
  take(one)
  const left = new AbortController()
  const queued = t.rejects(one.wait(left.signal))
  t.equal(one.retryAfterSeconds(), 15, 'who waits goes first')
  left.abort()
  await queued

  const four = createSlots({ size: 4, queueSize: 0, queueTimeoutMs: 5000 })
  hold(four, 8000)
  t.equal(four.retryAfterSeconds(), 2, 'four slots come free four times as often')
  for (let i = 0; i < 50; i++) hold(four, 3_600_000)
  t.equal(four.retryAfterSeconds(), 60)
  for (let i = 0; i < 100; i++) hold(four, 1)
  t.equal(four.retryAfterSeconds(), 1)
})

t.test('random walks: taken and free slots add up, and none is lost or given twice', async t => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = generator(seed)
    const size = 1 + Math.floor(random() * 4)
    const queueSize = Math.floor(random() * 5)
    const slots = createSlots({ size, queueSize, queueTimeoutMs: 3 })
    const held = new Map<number, Slot>()
    const waiting = new Map<Promise<void>, AbortController>()
    const counts = { served: 0, rejected: 0, timedOut: 0 }
    const faults: string[] = []
    const check = (holds: boolean, what: string) => { if (!holds) faults.push(`seed ${seed}: ${what}`) }
    const got = (slot: Slot) => {
      check(slot.id >= 0 && slot.id < size && !held.has(slot.id), `slot ${slot.id} given twice`)
      held.set(slot.id, slot)
    }
    const wait = () => {
      const left = new AbortController()
      const one: Promise<void> = slots.wait(left.signal).then(got, error => {
        if (error.code === 'SERVER_BUSY') counts.rejected++
        else if (error.code === 'QUEUE_TIMEOUT') counts.timedOut++
        else check(error === left.signal.reason, `refused with ${error}`)
      }).finally(() => waiting.delete(one))
      waiting.set(one, left)
    }
    const pick = <T>(from: Iterable<T>): T | undefined => {
      const all = [...from]
      return all[Math.floor(random() * all.length)]
    }
    const release = () => {
      const slot = pick(held.values())
      if (!slot) return
      held.delete(slot.id)
      slot.release()
      if (random() < 0.3) slot.release()
    }
    for (let step = 0; step < 300; step++) {
      const what = random()
      if (what < 0.25) {
        const { free } = slots.stats()
        const slot = slots.tryTake()
        check(free > 0 ? slot !== null : slot === null, 'tryTake and stats disagree')
        if (slot) got(slot)
      } else if (what < 0.55) wait()
      else if (what < 0.85) release()
      else if (what < 0.97) pick(waiting.values())?.abort(new Error('left'))
      else await sleep(random() < 0.2 ? 4 : 0)
      const stats = slots.stats()
      check(stats.taken + stats.free === size, `${stats.taken} taken + ${stats.free} free`)
      check(stats.taken >= held.size, 'a held slot is not counted')
      check(stats.queued <= queueSize, `${stats.queued} queued of ${queueSize}`)
      check(stats.queued === 0 || stats.free === 0, 'somebody waits while a slot is free')
    }
    while (waiting.size > 0 || held.size > 0) {
      release()
      await sleep(0)
    }
    check(slots.stats().taken === 0 && slots.stats().queued === 0, 'something is left')
    const { served, rejected, timedOut } = slots.stats()
    t.match({ rejected, timedOut }, { rejected: counts.rejected, timedOut: counts.timedOut })
    t.ok(served > 0)
    t.strictSame(
      Array.from({ length: size }, () => take(slots).id).sort(), Array.from({ length: size }, (_, id) => id),
      'every slot is there'
    )
    t.strictSame(faults, [])
  }
})

t.test('grows, serves waiting requests first, and never shrinks', async t => {
  const slots = createSlots({ size: 1, queueSize: 2, queueTimeoutMs: 1000 })
  const first = take(slots)
  const waiting = [slots.wait(), slots.wait()]
  slots.grow(4)
  t.strictSame((await Promise.all(waiting)).map(slot => slot.id), [1, 2])
  t.match(slots.stats(), { size: 4, taken: 3, free: 1, queued: 0 })
  slots.grow(2)
  t.match(slots.stats(), { size: 4 })
  t.equal(take(slots).id, 3)
  t.equal(slots.tryTake(), null)
  first.release()
  t.equal(take(slots).id, 0)
})
