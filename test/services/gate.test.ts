import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { createDeferred } from '../../services/deferred.ts'
import { createGate } from '../../services/gate.ts'
import { integers } from '../../tools/lib/random.ts'

const never = new AbortController().signal
const reason = new Error('the client left')

async function isSettled (promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  promise.then(() => { settled = true }, () => { settled = true })
  await turn()
  return settled
}

t.test('runs as many tasks as the limit allows, in order', async t => {
  const gate = createGate(2)
  const begun: number[] = []
  const ends = Array.from({ length: 5 }, () => createDeferred<void>())
  const runs = ends.map((end, index) => gate.run(async () => {
    begun.push(index)
    await end.promise
    return index
  }, never))
  await turn()
  t.same(begun, [0, 1])
  ends[1]!.resolve()
  await turn()
  t.same(begun, [0, 1, 2])
  for (const end of ends) end.resolve()
  t.same(await Promise.all(runs), [0, 1, 2, 3, 4])
})

t.test('a waiting task is not started after an abort', async t => {
  const gate = createGate(1)
  const first = createDeferred<void>()
  const running = gate.run(() => first.promise, never)
  const controller = new AbortController()
  const waiting = gate.run(async () => { t.fail('it was started') }, controller.signal)
  controller.abort(reason)
  await t.rejects(waiting, reason)
  first.resolve()
  await running
  t.equal(await gate.run(async () => 'next', never), 'next')
  await t.rejects(gate.run(async () => { t.fail('it was started') }, AbortSignal.abort(reason)), reason)
})

t.test('a running task rejects at once after an abort and keeps its place until it ends', async t => {
  for (const end of ['resolve', 'reject'] as const) {
    const gate = createGate(1)
    const controller = new AbortController()
    const task = createDeferred<unknown>()
    const running = gate.run(() => task.promise, controller.signal)
    const next = gate.run(async () => 'next', never)
    const idle = gate.idle()
    await turn()
    controller.abort(reason)
    await t.rejects(running, reason)
    t.notOk(await isSettled(next), 'the next task has to wait')
    t.notOk(await isSettled(idle))
    task[end](new Error('too late'))
    t.equal(await next, 'next')
    await idle
  }
})

t.test('a task that is called off is not started if it waits, and settles normally if it runs', async t => {
  const gate = createGate(1)
  const callOff = new AbortController()
  const task = createDeferred<string>()
  const running = gate.run(() => task.promise, never, callOff.signal)
  const waiting = gate.run(async () => { t.fail('it was started') }, never, callOff.signal)
  await turn()
  callOff.abort(reason)
  await t.rejects(waiting, reason)
  t.notOk(await isSettled(running))
  task.resolve('done')
  t.equal(await running, 'done')
})

t.test('a task aborted right before its start passes its place to the next one', async t => {
  const gate = createGate(1)
  const first = createDeferred<void>()
  const running = gate.run(() => first.promise, never)
  const controller = new AbortController()
  const second = gate.run(async () => { t.fail('it was started') }, controller.signal)
  const third = gate.run(async () => 'third', never)
  first.promise.then(() => queueMicrotask(() => controller.abort(reason)))
  first.resolve()
  await running
  await t.rejects(second, reason)
  t.equal(await third, 'third')
  await gate.idle()
})

t.test('many tasks with the same signal are no leak of listeners', async t => {
  const warnings: Error[] = []
  const onWarning = (warning: Error) => { warnings.push(warning) }
  process.on('warning', onWarning)
  t.teardown(() => process.off('warning', onWarning))
  const gate = createGate(1)
  const { signal } = new AbortController()
  await Promise.all(Array.from({ length: 30 }, () => gate.run(turn, signal)))
  await turn()
  t.same(warnings, [])
})

t.test('any mixture of tasks, errors and aborts leaves all places free', async t => {
  const random = integers(3)
  const gate = createGate(3)
  let running = 0
  let most = 0
  const runs = Array.from({ length: 300 }, async () => {
    const controller = new AbortController()
    const run = gate.run(async () => {
      most = Math.max(most, ++running)
      for (let turns = random(4); turns > 0; turns--) await turn()
      running--
      if (random(4) === 0) throw new Error('it broke')
    }, controller.signal)
    run.catch(() => {})
    for (let turns = random(60); turns > 0; turns--) await turn()
    if (random(2) === 0) controller.abort(reason)
    await run
  })
  await Promise.allSettled(runs)
  await gate.idle()
  t.equal(running, 0)
  t.equal(most, 3)
})
