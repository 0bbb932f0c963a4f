import t from 'tap'
import { untilAborted } from '../../services/abort.ts'
import { createDeferred } from '../../services/deferred.ts'

const reason = new Error('the client left')

t.test('settles like the promise if the signal does not fire', async t => {
  const { signal } = new AbortController()
  t.equal(await untilAborted(Promise.resolve(1), signal), 1)
  await t.rejects(untilAborted(Promise.reject(new Error('it broke')), signal), { message: 'it broke' })
})

t.test('rejects as soon as the signal fires, and drops the later outcome', async t => {
  for (const end of ['resolve', 'reject'] as const) {
    const controller = new AbortController()
    const work = createDeferred<unknown>()
    const waiting = untilAborted(work.promise, controller.signal)
    controller.abort(reason)
    await t.rejects(waiting, reason)
    work[end](new Error('too late'))
  }
})

t.test('rejects at once if the signal has already fired', async t => {
  const work = createDeferred<void>()
  await t.rejects(untilAborted(work.promise, AbortSignal.abort(reason)), reason)
  work.reject(new Error('too late'))
})
