import t from 'tap'
import { VramGauge } from '../../../../services/engine/worker/vram.ts'

t.test('after an error the last measurement remains, and only the first error is logged', async t => {
  const lines: unknown[] = []
  const answers = [
    async () => ({ used: 1, total: 4, free: 3, unifiedSize: 0 }),
    async () => { throw new Error('the driver is gone') },
    () => { throw new Error('the driver is gone') },
    async () => ({ used: 2, total: 4, free: 2, unifiedSize: 0 })
  ]
  const llama = { getVramState: () => answers.shift()!() }
  const gauge = new VramGauge(llama, (...line) => lines.push(line))
  t.same(gauge.state, { used: 0, total: 0 })
  for (const used of [1, 1, 1, 2]) {
    await gauge.measure()
    t.same(gauge.state, { used, total: 4 })
  }
  t.same(lines, [['warn', 'GPU memory cannot be read', { reason: 'the driver is gone' }]])
})
