import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { TimeoutError } from '../../errors/catalogue.ts'
import { createDeferred } from '../../services/deferred.ts'
import type { RequestFolder } from '../../services/upload-store.ts'
import { createWork, type WorkOptions } from '../../services/work.ts'

/** Creates work whose files and slot only record calls. */
function setUp (
  options: Partial<WorkOptions> = {},
  remove: () => Promise<{ original: number, compressed: number }> = async () => ({ original: 2, compressed: 1 })
) {
  const story: string[] = []
  const lines: Array<{ level: string, details: Record<string, unknown>, sentence: string }> = []
  const write = (level: string) => (details: object, sentence: string) => {
    lines.push({ level, details: details as Record<string, unknown>, sentence })
  }
  const slot = { id: 1, waitedMs: 0, release: () => { story.push('released') } }
  const folder: RequestFolder = {
    path: '/uploads/x',
    file: index => `/uploads/x/${index}`,
    async remove () {
      story.push('removing')
      const counts = await remove()
      story.push('removed')
      return counts
    }
  }
  const log = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
  const work = createWork({ slot, log, timeoutMs: 60_000, timeoutError: () => new TimeoutError(60), ...options })
  return { work, folder, slot, story, lines }
}

t.test('removes the files, logs their number, then releases the slot', async t => {
  const { work, folder, story, lines } = setUp({}, async () => {
    await sleep(10)
    return { original: 2, compressed: 1 }
  })
  work.folder = folder
  await work.end()
  t.strictSame(story, ['removing', 'removed', 'released'])
  t.strictSame(lines, [
    { level: 'info', details: { original: 2, compressed: 1 }, sentence: 'temporary files cleaned up' }
  ])
})

t.test('releases the slot of a request without files and logs nothing', async t => {
  const { work, slot, story, lines } = setUp()
  t.equal(work.slot, slot)
  await work.end()
  t.strictSame(story, ['released'])
  t.strictSame(lines, [])
})

t.test('ends once for any number of calls', async t => {
  const { work, folder, story, lines } = setUp()
  work.folder = folder
  await Promise.all([work.end(), work.end(), work.end()])
  await work.end()
  t.strictSame(story, ['removing', 'removed', 'released'])
  t.equal(lines.length, 1)
})

t.test('every caller of end waits for the whole end', async t => {
  const gate = createDeferred<{ original: number, compressed: number }>()
  const { work, folder, story } = setUp({}, () => gate.promise)
  work.folder = folder
  let second = false
  const ends = [work.end(), work.end().then(() => { second = true })]
  await turn()
  t.equal(second, false)
  gate.resolve({ original: 0, compressed: 0 })
  await Promise.all(ends)
  t.equal(story.at(-1), 'released')
})

t.test('removes nothing before all tasks have settled', async t => {
  const { work, folder, story } = setUp()
  work.folder = folder
  const tasks = [createDeferred<string>(), createDeferred<string>(), createDeferred<string>()]
  const runs = Promise.allSettled(tasks.map(task => work.run(() => task.promise)))
  const ended = work.end()
  for (const [index, task] of tasks.entries()) {
    await turn()
    t.strictSame(story, [], `task ${index} is running`)
    if (index === 1) task.reject('failed')
    else task.resolve(`result ${index}`)
  }
  t.strictSame(await runs, [
    { status: 'fulfilled', value: 'result 0' },
    { status: 'rejected', reason: 'failed' },
    { status: 'fulfilled', value: 'result 2' }
  ], 'and everybody got the outcome of its own task')
  await ended
  t.strictSame(story, ['removing', 'removed', 'released'])
})

t.test('also waits for tasks that start while it waits', async t => {
  const { work, folder, story } = setUp()
  work.folder = folder
  const first = createDeferred<void>()
  const second = createDeferred<void>()
  const chain = work.run(() => first.promise).then(() => work.run(() => second.promise))
  const ended = work.end()
  first.resolve()
  await sleep(10)
  t.strictSame(story, [])
  second.resolve()
  await Promise.all([chain, ended])
  t.strictSame(story, ['removing', 'removed', 'released'])
})

t.test('removes a folder that was created while it waited', async t => {
  const { work, folder, story } = setUp()
  const opening = createDeferred<void>()
  const upload = work.run(() => opening.promise.then(() => { work.folder = folder }))
  const ended = work.end()
  opening.resolve()
  await Promise.all([upload, ended])
  t.strictSame(story, ['removing', 'removed', 'released'])
})

t.test('releases the slot even if the files cannot be removed, and never rejects', async t => {
  const error = Object.assign(new Error('EBUSY'), { code: 'EBUSY' })
  const { work, folder, story, lines } = setUp({}, async () => { throw error })
  work.folder = folder
  t.equal(await work.end(), undefined)
  t.strictSame(story, ['removing', 'released'])
  t.strictSame(lines.map(({ level, details }) => [level, details.err]), [['error', error]])
  await work.end()
  t.strictSame(story, ['removing', 'released'])
})

t.test('a failed task does not prevent the end', async t => {
  const { work, story } = setUp()
  const error = new Error('failed before')
  await t.rejects(work.run(() => Promise.reject(error)), error)
  await work.end()
  t.strictSame(story, ['released'])
})

t.test('aborts with the given error at the deadline', async t => {
  const { work, story } = setUp({ timeoutMs: 20, timeoutError: () => new TimeoutError(0.02) })
  t.equal(work.signal.aborted, false)
  await sleep(60)
  t.match(work.signal.reason, {
    code: 'TIMEOUT', statusCode: 504, message: 'The request took longer than 0.02 seconds'
  })
  t.strictSame(story, [], 'what runs ends by the signal; the slot is freed only then')
  await work.end()
  t.strictSame(story, ['released'])
})

t.test('the deadline stops at the end', async t => {
  const { work } = setUp({ timeoutMs: 20 })
  await work.end()
  await sleep(60)
  t.equal(work.signal.aborted, false)
})

t.test('the deadline does not abort a request that is already ending', async t => {
  const { work } = setUp({ timeoutMs: 20 })
  const task = createDeferred<void>()
  const run = work.run(() => task.promise)
  const ended = work.end()
  await sleep(60)
  t.equal(work.signal.aborted, false)
  task.resolve()
  await Promise.all([run, ended])
})

t.test('keeps the first reason of several aborts', async t => {
  const { work } = setUp({ timeoutMs: 20 })
  const reason = new Error('The client left')
  work.abort(reason)
  work.abort(new Error('later'))
  await sleep(60)
  t.equal(work.signal.reason, reason)
  await work.end()
})

t.test('records the time of admission', async t => {
  const before = performance.now()
  const { work } = setUp()
  t.ok(work.startedAt >= before && work.startedAt <= performance.now())
  await work.end()
})

t.test('starts no task for a request that was aborted or is over', async t => {
  const begin = () => { throw new Error('it was begun') }
  const { work: aborted } = setUp()
  aborted.abort(new Error('gone'))
  await t.rejects(aborted.run(begin), { message: 'gone' })
  await aborted.end()

  const { work: over } = setUp()
  await over.end()
  await t.rejects(over.run(begin), { message: 'The request has ended' })
})

t.test('speculative tasks are signalled at the end and waited for', async t => {
  const { work, folder, story } = setUp()
  work.folder = folder
  t.notOk(work.ending.aborted)
  const ahead = work.run(async () => {
    await new Promise<void>(resolve => work.ending.addEventListener('abort', () => resolve()))
    await sleep(10)
    story.push('given up')
  })
  await work.end()
  await ahead
  t.strictSame(story, ['given up', 'removing', 'removed', 'released'])
  t.notOk(work.signal.aborted, 'which is no fault of the request')
})
