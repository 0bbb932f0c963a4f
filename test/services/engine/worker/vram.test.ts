import t from 'tap'
import { VramGauge } from '../../../../services/engine/worker/vram.ts'

t.test('figures that cannot be read leave the last ones, and one line in the log', async t => {
  const lines: string[] = []
  const answers = [
    async () => ({ used: 1, total: 4, free: 3, unifiedSize: 0 }),
    async () => { throw new Error('the driver is gone') },
    () => { throw new Error('the driver is gone') },
    async () => ({ used: 2, total: 4, free: 2, unifiedSize: 0 })
  ]
  const llama = { getVramState: () => answers.shift()!() }
  const gauge = new VramGauge(llama, (level, message) => lines.push(`${level} ${message}`))
  t.same(gauge.state, { used: 0, total: 0 })
  for (const used of [1, 1, 1, 2]) {
    await gauge.measure()
    t.same(gauge.state, { used, total: 4 })
  }
  t.same(lines, ['warn the memory of the GPU cannot be read: the driver is gone'])
})
