import t from 'tap'
import {
  cardOf, CHECKPOINTS_PER_SLOT, checkpointBytes, GIB, planMemory, recurrentStateBytes, type Machine, type MemoryNeeds
} from '../../../services/models/memory.ts'
import { planTable, planWarning } from '../../../services/models/table.ts'

/** Qwen3-VL 8B and Qwen2.5-VL 7B in Q4_K_M with projectors in Q8_0 at 8192 tokens, as in `presets.test.ts`. */
const QWEN3_8B: MemoryNeeds =
  { weights: 4.67e9, projector: 0.75e9, encoding: 0.18e9, compute: 0.36e9, slot: 147_456 * 8192, checkpoints: 0 }
const QWEN25_7B: MemoryNeeds =
  { weights: 4.37e9, projector: 0.85e9, encoding: 0.42e9, compute: 0.33e9, slot: 57_344 * 8192, checkpoints: 0 }
/** The recurrent layers of Qwen3.5 9B and Qwen3.8 27B. */
const LAYERS_9B = { layers: 24, valueHeads: 32, keyHeads: 16, stateSize: 128, convKernel: 4 }
const LAYERS_27B = { ...LAYERS_9B, layers: 48, valueHeads: 48 }
const QWEN35_9B: MemoryNeeds = {
  weights: 5.1e9,
  projector: 0.92e9,
  encoding: 0.18e9,
  compute: 0.53e9,
  slot: 32_768 * 8192 + recurrentStateBytes(LAYERS_9B),
  checkpoints: CHECKPOINTS_PER_SLOT * checkpointBytes({ recurrent: LAYERS_9B })
}
const OPTIONS = { slots: 'auto' as const, contextSize: 8192, imageCache: 0.5 * GIB }

t.test('auto plans about 5 slots on 16 GB, 6 on 24 and 8 on 32', async t => {
  for (const needs of [QWEN3_8B, QWEN25_7B]) {
    t.strictSame([16, 24, 32].map(gib => planMemory(needs, cardOf(gib), OPTIONS).slots), [5, 6, 8])
    t.strictSame(
      [16, 24, 32].map(gib => planMemory(needs, cardOf(gib), OPTIONS).slotsThatFit),
      needs === QWEN3_8B ? [8, 14, 22] : [20, 38, 56], 'the memory suffices for more'
    )
    // GPUs report a little less memory than their nominal size.
    t.strictSame([15.6, 23.5, 31.3].map(gib => planMemory(needs, cardOf(gib), OPTIONS).slots), [5, 6, 8])
  }
})

t.test('a small memory limits the slots', async t => {
  t.match(planMemory(QWEN3_8B, cardOf(8), OPTIONS), { slots: 1, slotsThatFit: 1, fits: true })
  t.match(planMemory(QWEN25_7B, cardOf(8), OPTIONS), { slots: 3, fits: true })
  const busy = { ...cardOf(16), free: 9 * GIB }
  t.match(planMemory(QWEN3_8B, busy, OPTIONS), { slots: 1, fits: true }, 'another process uses the GPU')
  const small = planMemory(QWEN3_8B, cardOf(6), OPTIONS)
  t.match(small, { slots: 1, slotsThatFit: 0, fits: false })
  t.match(
    planWarning(small),
    /^The plan needs 6\.68 GiB of VRAM, but only 5\.52 GiB are available, so some layers run slowly on the CPU: /
  )
})

t.test('auto stays between 1 and 16', async t => {
  t.equal(planMemory(QWEN25_7B, cardOf(141), OPTIONS).slots, 16)
  t.equal(planMemory(QWEN25_7B, { ...cardOf(16), free: 0 }, OPTIONS).slots, 1)
})

t.test('a number of slots is kept, with a warning if it does not fit', async t => {
  const fitting = planMemory(QWEN3_8B, cardOf(16), { ...OPTIONS, slots: 7 })
  t.match(fitting, { slots: 7, fits: true, auto: false })
  t.equal(planWarning(fitting), null)
  const tooMany = planMemory(QWEN3_8B, cardOf(16), { ...OPTIONS, slots: 12 })
  t.match(tooMany, { slots: 12, slotsThatFit: 8, fits: false })
  t.match(
    planWarning(tooMany),
    /12 slots get less than CONTEXT_SIZE=8192: set MAX_CONCURRENT_REQUESTS to 8 or auto$/
  )
})

t.test('on a CPU the image cache counts, and the cores limit the slots', async t => {
  const machine: Machine =
    { memory: 'ram', total: 32 * GIB, free: 30 * GIB, reserve: 4 * GIB, usableRam: null, cores: 8 }
  const plan = planMemory(QWEN25_7B, machine, OPTIONS)
  t.match(plan, { memory: 'ram', slots: 4, fits: true })
  t.equal(plan.needed, 5.97e9 + 0.5 * GIB + 4 * QWEN25_7B.slot)
  t.equal(planMemory(QWEN25_7B, { ...machine, cores: 1 }, OPTIONS).slots, 2)
  t.equal(planMemory(QWEN25_7B, { ...machine, free: 10.5 * GIB }, OPTIONS).slots, 1)
})

t.test('a checkpoint has the size that llama.cpp writes, whatever the length of the prompt', async t => {
  // 28 + 24·L + 4·L·(R·S² + 3·(2·G·S + R·S))
  t.equal(checkpointBytes({ recurrent: LAYERS_9B }), 28 + 24 * 24 + 4 * 24 * (32 * 128 ** 2 + 3 * (4096 + 4096)))
  t.equal(Math.round(checkpointBytes({ recurrent: LAYERS_9B }) / 1024 ** 2), 50)
  t.equal(Math.round(checkpointBytes({ recurrent: LAYERS_27B }) / 1024 ** 2), 150)
  t.equal(checkpointBytes({ recurrent: null }), 0)
})

t.test('on a CPU the checkpoints of every slot count, and limit the slots', async t => {
  const machine: Machine =
    { memory: 'ram', total: 16 * GIB, free: 12.5 * GIB, reserve: 4 * GIB, usableRam: null, cores: 16 }
  const plan = planMemory(QWEN35_9B, machine, OPTIONS)
  const { slot, checkpoints } = QWEN35_9B
  t.match(plan, { slots: 3, slotsThatFit: 3, fits: true, ramBesideGpu: 0 })
  t.equal(plan.needed, 6.73e9 + 0.5 * GIB + 3 * (slot + checkpoints))
  t.match(planMemory({ ...QWEN35_9B, checkpoints: 0 }, machine, OPTIONS), { slots: 5 }, 'without checkpoints')
  t.match(planTable(plan), /^checkpoints, 0\.15 GiB per slot +0\.44 GiB$/m)
})

t.test('with a GPU the checkpoints are in RAM, and a shortage of RAM is a warning', async t => {
  const plan = planMemory(QWEN35_9B, { ...cardOf(16), usableRam: 4 * GIB }, OPTIONS)
  const { slots, checkpoints } = plan
  t.equal(slots, 5)
  t.equal(plan.needed, 6.73e9 + 5 * QWEN35_9B.slot, 'they are not part of the VRAM')
  t.equal(plan.ramBesideGpu, 0.5 * GIB + 5 * checkpoints)
  t.equal(planWarning(plan), null)
  t.match(planTable(plan), new RegExp([
    'in RAM: image cache \\(IMAGE_CACHE_MB\\) +0\\.50 GiB',
    'in RAM: checkpoints, 0\\.15 GiB per slot +0\\.74 GiB',
    'usable RAM +4\\.00 GiB$'
  ].join('\n')))

  const short = planMemory(QWEN35_9B, { ...cardOf(16), usableRam: GIB }, OPTIONS)
  t.match(short, { slots: 5, fits: true })
  t.equal(
    planWarning(short),
    'The image cache and the checkpoints need 1.24 GiB of RAM, but only 1.00 GiB are available: ' +
    'lower IMAGE_CACHE_MB or MAX_CONCURRENT_REQUESTS'
  )
  const both = planMemory(QWEN35_9B, { ...cardOf(4), usableRam: 0.5 * GIB }, OPTIONS)
  t.match(planWarning(both), /^The plan needs [^]*MAX_PIXELS\. The image cache and the checkpoints need /)
})

t.test('the parts of a plan add up, and so do those of its table', async t => {
  const plan = planMemory(QWEN3_8B, cardOf(16), OPTIONS)
  t.equal(plan.needed, plan.weights + plan.projector + plan.encoding + plan.compute + plan.slots * plan.slot)
  t.equal(planTable(plan), `weights                                 4.35 GiB
projector                               0.70 GiB
encoding the largest image              0.17 GiB
compute                                 0.34 GiB
5 slots of 8192 tokens, 1.13 GiB each   5.63 GiB
total                                  11.18 GiB
free VRAM of 16.00 GiB                 16.00 GiB
of which reserved                       1.28 GiB`)
})
