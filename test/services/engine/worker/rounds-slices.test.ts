import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { createDeferred } from '../../../../services/deferred.ts'
import { generate, never, Rounds, settled, slice } from './rounds.ts'

t.test('without members, slices run one at a time in the order of their calls', async t => {
  const rounds = new Rounds()
  const log: string[] = []
  t.equal(rounds.busy, false)
  const all = Promise.all(['1', '2', '3'].map(name => slice(rounds, name, log)))
  t.equal(rounds.busy, true)
  t.same(await all, ['1', '2', '3'], 'each caller gets its own result')
  t.same(log, ['1(', ')1', '2(', ')2', '3(', ')3'])
  await turn()
  t.equal(rounds.busy, false)
})

t.test('with members, a step of all members follows each slice', async t => {
  const rounds = new Rounds()
  const log: string[] = []
  const members = [rounds.join(), rounds.join()]
  const running = members.map((member, i) => generate(member, 'ab'[i]!, 30, log, i))
  const slices = Promise.all(['1', '2', '3', '4', '5'].map(name => slice(rounds, name, log)))
  t.same(await slices, ['1', '2', '3', '4', '5'])
  t.ok(log.filter(entry => entry === 'a').length < 30, 'the members were running all the time')
  await Promise.all(running)

  // Both members step between two slices; no member steps during a slice.
  const story = log.join(' ')
  t.match(story, /^a b 1\( \)1/)
  const gaps = story.match(/\)\d [^(]*? \d\(/g) ?? []
  t.equal(gaps.length, 4)
  for (const gap of gaps) t.match(gap, / (a b|b a) /)
  t.equal((story.match(/\d\( \)\d/g) ?? []).length, 5, 'no step within a slice')
  t.same(story.match(/\d(?=\()/g), ['1', '2', '3', '4', '5'], 'in order')
})

t.test('a waiting slice starts as soon as the last member leaves', async t => {
  const rounds = new Rounds()
  const log: string[] = []
  const member = rounds.join()
  const waiting = slice(rounds, '1', log)
  t.equal(await settled(waiting), false, 'the member has not stepped yet')
  t.same(log, [])
  member.leave()
  t.equal(await waiting, '1')
})

t.test('a failed slice rejects only for its caller, and the schedule continues', async t => {
  const rounds = new Rounds()
  const log: string[] = []
  const member = rounds.join()
  const running = generate(member, 'a', 10, log)
  const error = new Error('llama.cpp said no')
  const failing = rounds.slice(1, async () => {
    await turn()
    throw error
  }, never)
  const throwing = rounds.slice(1, () => { throw error }, never)
  const good = slice(rounds, '1', log)
  await t.rejects(failing, error)
  await t.rejects(throwing, error, 'also if it throws synchronously')
  t.equal(await good, '1')
  await running
  t.equal(log.filter(entry => entry === 'a').length, 10)
  t.equal(rounds.busy, false)
})

t.test('a member that arrives during a slice waits for its end', async t => {
  const rounds = new Rounds()
  const gate = createDeferred<void>()
  const running = rounds.slice(1, () => gate.promise, never)
  const member = rounds.join()
  const step = member.step('member')
  t.equal(await settled(step), false)
  gate.resolve()
  await running
  t.equal(await settled(step), true)
})

t.test('a slice has a whole batch of tokens without members, and a bounded part of it with members', async t => {
  const rounds = new Rounds()
  t.equal(rounds.sliceLength(512), 512)
  // 20 tokens in about 40 ms are about 50 in 100 ms. The bounds are wide because the machine can be busy.
  await rounds.slice(20, () => sleep(40), never)
  t.equal(rounds.sliceLength(512), 512, 'no member')
  const member = rounds.join()
  const length = rounds.sliceLength(512)
  t.ok(length >= 16 && length <= 55, `${length} tokens`)
  t.equal(Number.isInteger(length), true)
  t.equal(rounds.sliceLength(8), 8, 'never more than a batch')
  member.leave()
  t.equal(rounds.sliceLength(512), 512)
})

t.test('a slice has at least 16 tokens and at most a batch', async t => {
  const slow = new Rounds()
  await slow.slice(1, () => sleep(60), never)
  slow.join()
  t.equal(slow.sliceLength(512), 16)

  const fast = new Rounds()
  await fast.slice(1_000_000, async () => {}, never)
  fast.join()
  t.equal(fast.sliceLength(512), 512)
})

t.test('the speed is a moving average of successful slices', async t => {
  const rounds = new Rounds()
  await rounds.slice(1_000_000, async () => {}, never)
  await t.rejects(rounds.slice(1, async () => {
    await sleep(20)
    throw new Error('no')
  }, never))
  const member = rounds.join()
  t.equal(rounds.sliceLength(512), 512)
  member.leave()
  for (let i = 0; i < 60; i++) await rounds.slice(1, () => sleep(2), never)
  rounds.join()
  t.ok(rounds.sliceLength(512) <= 60, 'the average follows the slower slices')
})

t.test('a waiting slice does not run after an abort, and the slices behind it do', async t => {
  const rounds = new Rounds()
  const gate = createDeferred<void>()
  const log: string[] = []
  const running = rounds.slice(1, () => gate.promise, never)
  const controller = new AbortController()
  const reason = new Error('the client left')
  const aborted = rounds.slice(1, async () => { log.push('the aborted slice') }, controller.signal)
  const behind = slice(rounds, '2', log)
  controller.abort(reason)
  await t.rejects(aborted, reason, 'while another slice is running')
  gate.resolve()
  await Promise.all([running, behind])
  t.same(log, ['2(', ')2'])
  await t.rejects(rounds.slice(1, async () => { log.push('the aborted slice') }, AbortSignal.abort(reason)), reason)
  t.same(log, ['2(', ')2'])
  await turn()
  t.equal(rounds.busy, false)
})

t.test('a running slice continues after an abort, unless it observes the signal itself', async t => {
  const rounds = new Rounds()
  const gate = createDeferred<string>()
  const controller = new AbortController()
  const running = rounds.slice(1, () => gate.promise, controller.signal)
  controller.abort(new Error('the client left'))
  t.equal(await settled(running), false)
  gate.resolve('its outcome')
  t.equal(await running, 'its outcome')
})

t.test('the schedule is idle after its last waiting slice is aborted', async t => {
  const rounds = new Rounds()
  const member = rounds.join()
  const controller = new AbortController()
  const waiting = rounds.slice(1, async () => {}, controller.signal)
  let changes = 0
  rounds.watch(() => changes++)
  controller.abort(new Error('the client left'))
  await t.rejects(waiting)
  t.equal(changes, 0)
  member.leave()
  t.equal(changes, 1)
  t.equal(rounds.busy, false)
})
