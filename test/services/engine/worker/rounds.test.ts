import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { createDeferred } from '../../../../services/deferred.ts'
import { integers } from '../../../../tools/lib/random.ts'
import { generate, never, Rounds, settled, slice } from './rounds.ts'

t.test('a single member steps at once', async t => {
  const member = new Rounds().join()
  for (let i = 0; i < 3; i++) t.equal(await settled(member.step('member')), true)
})

t.test('a step waits for every member', async t => {
  const rounds = new Rounds()
  const [a, b, c] = [rounds.join(), rounds.join(), rounds.join()]
  const first = a.step('a')
  const second = b.step('b')
  t.equal(await settled(first), false)
  t.equal(await settled(second), false)
  const third = c.step('c')
  t.same(await Promise.all([settled(first), settled(second), settled(third)]), [true, true, true])
})

t.test('members with different speeds stay in step', async t => {
  const rounds = new Rounds()
  const log: string[] = []
  const members = [rounds.join(), rounds.join(), rounds.join()]
  await Promise.all(members.map((member, i) => generate(member, 'abc'[i]!, 20, log, i)))
  for (let i = 0; i < 20; i++) t.same(log.slice(i * 3, i * 3 + 3).sort(), ['a', 'b', 'c'], `step ${i}`)
  t.equal(rounds.busy, false)
})

t.test('a step does not wait for a member that left', async t => {
  const rounds = new Rounds()
  const [a, b] = [rounds.join(), rounds.join()]
  const step = a.step('a')
  t.equal(await settled(step), false)
  b.leave()
  b.leave()
  t.equal(await settled(step), true)
  t.equal(await settled(a.step('a')), true)
})

t.test('one computation serves all members, and each gets its own result', async t => {
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

t.test('a failed step rejects for all of its members, and the schedule continues', async t => {
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

t.test('a slice waits for the running step, and a new member waits for the slice', async t => {
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

t.test('any mixture of members and slices ends, in step and in order', async t => {
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
    // A member that joined during the slice is not entitled to a step after it.
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
  t.same(begun, [...begun].sort((a, b) => a - b), 'slices in the order of their calls')
  t.equal(rounds.busy, false)
})
