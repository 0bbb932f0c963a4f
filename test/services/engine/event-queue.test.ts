import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { EventQueue } from '../../../services/engine/event-queue.ts'

async function collect<T> (queue: EventQueue<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of queue) items.push(item)
  return items
}

t.test('returns items that were pushed before the reader started, in order, then ends', async t => {
  const queue = new EventQueue<number>()
  for (const item of [1, 2, 3]) queue.push(item)
  queue.end()
  t.same(await collect(queue), [1, 2, 3])
})

t.test('wakes a waiting reader for each item and for the end', async t => {
  const queue = new EventQueue<string>()
  const reader = queue[Symbol.asyncIterator]()
  const first = reader.next()
  await turn()
  queue.push('a')
  t.same(await first, { value: 'a', done: false })
  const second = reader.next()
  await turn()
  queue.push('b')
  t.same(await second, { value: 'b', done: false })
  const last = reader.next()
  await turn()
  queue.end()
  t.same(await last, { value: undefined, done: true })
})

t.test('loses no item that is pushed while the reader is busy', async t => {
  const queue = new EventQueue<number>()
  queue.push(0)
  const seen: number[] = []
  for await (const item of queue) {
    seen.push(item)
    if (item < 5) queue.push(item + 1)
    else queue.end()
    if (item % 2 === 0) await turn()
  }
  t.same(seen, [0, 1, 2, 3, 4, 5])
})

t.test('returns several items that were pushed at once to a waiting reader', async t => {
  const queue = new EventQueue<number>()
  const read = collect(queue)
  await turn()
  queue.push(1)
  queue.push(2)
  queue.end()
  t.same(await read, [1, 2])
})

t.test('throws an error only after the items before it', async t => {
  const queue = new EventQueue<number>()
  queue.push(1)
  queue.push(2)
  const error = new Error('the child died')
  queue.fail(error)
  const reader = queue[Symbol.asyncIterator]()
  t.equal((await reader.next()).value, 1)
  t.equal((await reader.next()).value, 2)
  await t.rejects(reader.next(), error)
  t.same(await reader.next(), { value: undefined, done: true })
})

t.test('rejects a waiting reader', async t => {
  const queue = new EventQueue<number>()
  const read = collect(queue)
  await turn()
  const error = new Error('gone')
  queue.fail(error)
  await t.rejects(read, error)
})

t.test('ignores a second end', async t => {
  const ended = new EventQueue<number>()
  ended.end()
  ended.fail(new Error('too late'))
  t.same(await collect(ended), [])

  const failed = new EventQueue<number>()
  const first = new Error('first')
  failed.fail(first)
  failed.end()
  failed.fail(new Error('second'))
  await t.rejects(collect(failed), first)
})

t.test('merges only unread items', async t => {
  const queue = new EventQueue<string>((last, next) => last === '|' || next === '|' ? null : last + next)
  const reader = queue[Symbol.asyncIterator]()
  for (const item of ['a', 'b', '|', '|', 'c']) queue.push(item)
  t.equal((await reader.next()).value, 'ab')
  queue.push('d')
  for (const expected of ['|', '|', 'cd']) t.equal((await reader.next()).value, expected)
  const waiting = reader.next()
  queue.push('e')
  t.equal((await waiting).value, 'e', 'at once')
  queue.push('f')
  queue.end()
  t.same([await reader.next(), await reader.next()], [{ value: 'f', done: false }, { value: undefined, done: true }])
})

t.test('any value can be an error', async t => {
  for (const error of [undefined, null, 0, '', new Error('lost')]) {
    const queue = new EventQueue<number>()
    queue.push(1)
    queue.fail(error)
    const read: number[] = []
    await collectInto(read, queue).then(() => t.fail('the queue ended without an error'), thrown =>
      t.equal(thrown, error))
    t.same(read, [1])
  }
})

async function collectInto (items: number[], queue: EventQueue<number>): Promise<void> {
  for await (const item of queue) items.push(item)
}
