import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { createDeferred } from '../../../../services/deferred.ts'
import { Rounds as AnyRounds, type Member as AnyMember } from '../../../../services/engine/worker/rounds.ts'
import { integers } from '../../../../tools/lib/random.ts'

/** Nothing is computed here: each gets what it brought. */
class Rounds extends AnyRounds<string, string> {
  constructor (run = async (items: string[]) => items) { super(run) }
}
type Member = AnyMember<string, string>
const never = new AbortController().signal

/** True when the promise has settled within a turn of the event loop. */
async function settled (promise: Promise<unknown>): Promise<boolean> {
  let done = false
  promise.then(() => { done = true }, () => { done = true })
  await turn()
  return done
}

/** Takes `steps` steps, writing its name into the log at each, then leaves. */
async function generate (member: Member, name: string, steps: number, log: string[], pauseMs = 0): Promise<void> {
  for (let i = 0; i < steps; i++) {
    log.push(await member.step(name))
    if (pauseMs > 0) await sleep(pauseMs)
  }
  member.leave()
}

const slice = (rounds: Rounds, name: string, log: string[], tokens = 1) => rounds.slice(tokens, async () => {
  log.push(`${name}(`)
  await turn()
  log.push(`)${name}`)
  return name
}, never)

t.test('lets one member step at once', async t => {
  const member = new Rounds().join()
  for (let i = 0; i < 3; i++) t.equal(await settled(member.step('member')), true)
})

t.test('lets members step together, however long one takes', async t => {
  const rounds = new Rounds()
  const [a, b, c] = [rounds.join(), rounds.join(), rounds.join()]
  const first = a.step('a')
  const second = b.step('b')
  t.equal(await settled(first), false)
  t.equal(await settled(second), false)
  const third = c.step('c')
  t.same(await Promise.all([settled(first), settled(second), settled(third)]), [true, true, true])
})

t.test('keeps members of different speed in step', async t => {
  const rounds = new Rounds()
  const log: string[] = []
  const members = [rounds.join(), rounds.join(), rounds.join()]
  await Promise.all(members.map((member, i) => generate(member, 'abc'[i]!, 20, log, i)))
  for (let i = 0; i < 20; i++) t.same(log.slice(i * 3, i * 3 + 3).sort(), ['a', 'b', 'c'], `step ${i}`)
  t.equal(rounds.busy, false)
})

t.test('does not wait for a member that left', async t => {
  const rounds = new Rounds()
  const [a, b] = [rounds.join(), rounds.join()]
  const step = a.step('a')
  t.equal(await settled(step), false)
  b.leave()
  b.leave()
  t.equal(await settled(step), true)
  t.equal(await settled(a.step('a')), true)
})

t.test('computes a step once for all, and gives each its own result', async t => {
  const steps: string[][] = []
  const rounds = new Rounds(async items => {
    steps.push(items)
    await turn()
    return items.map(item => item.toUpperCase())
  })
  const [a, b] = [rounds.join(), rounds.join()]
  t.same(await Promise.all([b.step('b1'), a.step('a1')]), ['B1', 'A1'])
  const c = rounds.join()
  t.same(await Promise.all([a.step('a2'), b.step('b2'), c.step('c2')]), ['A2', 'B2', 'C2'])
  t.same(steps, [['b1', 'a1'], ['a2', 'b2', 'c2']])
})

t.test('a step that fails fails for all who took it, and the schedule goes on', async t => {
  const error = new Error('llama.cpp said no')
  let failing = true
  const rounds = new Rounds(async items => {
    if (failing) throw error
    return items
  })
  const [a, b] = [rounds.join(), rounds.join()]
  const outcomes = await Promise.allSettled([a.step('a'), b.step('b')])
  t.same(outcomes.map(outcome => outcome.status === 'rejected' && outcome.reason), [error, error])
  failing = false
  a.leave()
  t.equal(await b.step('b'), 'b')
  b.leave()
  t.equal(rounds.busy, false)
})

t.test('begins no slice while a step is computed, and none for somebody who joined meanwhile', async t => {
  const gate = createDeferred<void>()
  const log: string[] = []
  const rounds = new Rounds(async items => {
    log.push(`step ${items}`)
    await gate.promise
    return items
  })
  const a = rounds.join()
  const step = a.step('a')
  const running = slice(rounds, '1', log)
  const b = rounds.join()
  const later = b.step('b')
  t.equal(await settled(running), false)
  gate.resolve()
  await step
  a.leave()
  await Promise.all([running, later])
  t.same(log, ['step a', '1(', ')1', 'step b'])
})

t.test('runs slices one at a time, in the order in which they were asked for, while nobody generates', async t => {
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

t.test('puts a step of everybody between two slices while members generate', async t => {
  const rounds = new Rounds()
  const log: string[] = []
  const members = [rounds.join(), rounds.join()]
  const running = members.map((member, i) => generate(member, 'ab'[i]!, 30, log, i))
  const slices = Promise.all(['1', '2', '3', '4', '5'].map(name => slice(rounds, name, log)))
  t.same(await slices, ['1', '2', '3', '4', '5'])
  t.ok(log.filter(entry => entry === 'a').length < 30, 'all of it happened while they generated')
  await Promise.all(running)

  // Between the end of a slice and the beginning of the next both have stepped; within a slice nobody has.
  const story = log.join(' ')
  t.match(story, /^a b 1\( \)1/)
  const gaps = story.match(/\)\d [^(]*? \d\(/g) ?? []
  t.equal(gaps.length, 4)
  for (const gap of gaps) t.match(gap, / (a b|b a) /)
  t.equal((story.match(/\d\( \)\d/g) ?? []).length, 5, 'no step within a slice')
  t.same(story.match(/\d(?=\()/g), ['1', '2', '3', '4', '5'], 'in order')
})

t.test('lets a slice that waits run as soon as the last member leaves', async t => {
  const rounds = new Rounds()
  const log: string[] = []
  const member = rounds.join()
  const waiting = slice(rounds, '1', log)
  t.equal(await settled(waiting), false, 'the member is in the middle of its step')
  t.same(log, [])
  member.leave()
  t.equal(await waiting, '1')
})

t.test('a failing slice rejects its caller alone and the schedule goes on', async t => {
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
  await t.rejects(throwing, error, 'also one that throws before it has made a promise')
  t.equal(await good, '1')
  await running
  t.equal(log.filter(entry => entry === 'a').length, 10)
  t.equal(rounds.busy, false)
})

t.test('holds a member that arrives during a slice until the slice is over', async t => {
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

t.test('gives slices the whole batch while nobody generates, and a bounded part of it while somebody does', async t => {
  const rounds = new Rounds()
  t.equal(rounds.sliceLength(512), 512)
  // 20 tokens in about 40 ms: about 50 in 100 ms. The bounds are wide, since the machine may be busy.
  await rounds.slice(20, () => sleep(40), never)
  t.equal(rounds.sliceLength(512), 512, 'nobody generates')
  const member = rounds.join()
  const length = rounds.sliceLength(512)
  t.ok(length >= 16 && length <= 55, `${length} tokens`)
  t.equal(Number.isInteger(length), true)
  t.equal(rounds.sliceLength(8), 8, 'never more than a batch')
  member.leave()
  t.equal(rounds.sliceLength(512), 512)
})

t.test('never makes slices shorter than 16 tokens nor longer than a batch', async t => {
  const slow = new Rounds()
  await slow.slice(1, () => sleep(60), never)
  slow.join()
  t.equal(slow.sliceLength(512), 16)

  const fast = new Rounds()
  await fast.slice(1_000_000, async () => {}, never)
  fast.join()
  t.equal(fast.sliceLength(512), 512)
})

t.test('learns the speed from later slices and ignores those that failed', async t => {
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
  t.ok(rounds.sliceLength(512) <= 60, 'a moving average follows')
})

t.test('any mixture of members and slices comes to its end, in step and in order', async t => {
  const random = integers(7)
  const rounds = new Rounds()
  let inSlice = 0
  let sincePreviousSlice = 1
  let generating = 0
  let faults = 0
  const begun: number[] = []
  const member = async () => {
    const self = rounds.join()
    generating++
    for (let i = random(15); i > 0; i--) {
      await self.step('self')
      if (inSlice > 0) faults++
      sincePreviousSlice++
      if (random(3) === 0) await turn()
    }
    generating--
    self.leave()
  }
  const prompt = (index: number) => rounds.slice(1, async () => {
    if (inSlice++ > 0) faults++
    const everSince = generating
    if (generating > 0 && sincePreviousSlice === 0) faults++
    begun.push(index)
    if (random(2) === 0) await turn()
    inSlice--
    // Somebody who joined during the slice has not had a step due to it yet.
    sincePreviousSlice = everSince > 0 ? 0 : 1
  }, never)
  const work: Array<Promise<unknown>> = []
  let slices = 0
  for (let i = 0; i < 300; i++) {
    work.push(random(2) === 0 ? member() : prompt(slices++))
    if (random(4) === 0) await turn()
  }
  await Promise.all(work)
  t.equal(faults, 0)
  t.equal(begun.length, slices)
  t.same(begun, [...begun].sort((a, b) => a - b), 'slices in the order in which they were asked for')
  t.equal(rounds.busy, false)
})

t.test('a slice of an aborted request that waits is not run, and those behind it are', async t => {
  const rounds = new Rounds()
  const gate = createDeferred<void>()
  const log: string[] = []
  const running = rounds.slice(1, () => gate.promise, never)
  const controller = new AbortController()
  const reason = new Error('the client left')
  const aborted = rounds.slice(1, async () => { log.push('the aborted slice') }, controller.signal)
  const behind = slice(rounds, '2', log)
  controller.abort(reason)
  await t.rejects(aborted, reason, 'while the slice of somebody else is running')
  gate.resolve()
  await Promise.all([running, behind])
  t.same(log, ['2(', ')2'])
  await t.rejects(rounds.slice(1, async () => { log.push('the aborted slice') }, AbortSignal.abort(reason)), reason)
  t.same(log, ['2(', ')2'])
  await turn()
  t.equal(rounds.busy, false)
})

t.test('a slice that runs goes on when its request is aborted, unless it notices itself', async t => {
  const rounds = new Rounds()
  const gate = createDeferred<string>()
  const controller = new AbortController()
  const running = rounds.slice(1, () => gate.promise, controller.signal)
  controller.abort(new Error('the client left'))
  t.equal(await settled(running), false)
  gate.resolve('its outcome')
  t.equal(await running, 'its outcome')
})

t.test('an aborted slice that was the last to wait leaves the schedule idle', async t => {
  const rounds = new Rounds()
  const member = rounds.join()
  const controller = new AbortController()
  const waiting = rounds.slice(1, async () => {}, controller.signal)
  let told = 0
  rounds.watch(() => told++)
  controller.abort(new Error('the client left'))
  await t.rejects(waiting)
  t.equal(told, 0)
  member.leave()
  t.equal(told, 1)
  t.equal(rounds.busy, false)
})
