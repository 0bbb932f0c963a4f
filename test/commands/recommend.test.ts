import t from 'tap'
import { recommend } from '../../commands/models/recommend.ts'
import { loadConfig } from '../../config/config.ts'
import { PRESETS } from '../../models/presets.ts'
import { cardOf, GIB, type Machine } from '../../services/models/memory.ts'

const config = loadConfig({})

/** A machine without a GPU. The system uses 1 GiB. */
function ram (gib: number, cores: number): Machine {
  const total = gib * GIB
  return {
    memory: 'ram', total, free: total - GIB, reserve: Math.min(total / 4, 4 * GIB), usableRam: null, cores
  }
}

t.test('each card gets the largest dense model whose slots stay fast', async t => {
  const presets = [4, 8, 12, 16, 24, 32, 48].map(gib => recommend(cardOf(gib), config).preset)
  t.strictSame(presets, [
    'qwen3.5-2b', 'qwen3.5-9b', 'qwen3.5-9b', 'qwen3.5-9b', 'qwen3.8-27b', 'qwen3.8-27b', 'qwen3.8-27b'
  ])
  // On a card of 8 GB the desktop leaves too little for 9B.
  t.equal(recommend({ ...cardOf(8), free: 7.2 * GIB }, config).preset, 'qwen3.5-4b')
})

t.test('the reasons name the slots, the next larger model, and experts in RAM', async t => {
  t.strictSame(recommend(cardOf(16), config).reasons, [
    'The GPU has 16.00 GiB of 16.00 GiB free; 5 slots of 8192 tokens need 7.77 GiB.',
    'qwen3.8-27b would need 21.54 GiB for 5 slots, in addition to 1.28 GiB in reserve.',
    'qwen3.6-35b-a3b does not fit: node-llama-cpp cannot keep only its experts in RAM.'
  ])
  t.strictSame(recommend(cardOf(32), config).reasons.length, 1, 'nothing larger, and the experts fit')
})

t.test('a machine without a GPU gets a model with few active parameters, and a warning about the speed', async t => {
  const of = (gib: number, cores: number) => recommend(ram(gib, cores), config)
  t.strictSame([[4, 2], [8, 4], [24, 8], [64, 16]].map(([gib, cores]) => of(gib!, cores!).preset), [
    null, 'qwen3.5-2b', 'qwen3.5-4b', 'qwen3.6-35b-a3b'
  ])
  t.strictSame(of(24, 8).reasons, [
    'There is no GPU; the machine has 8 cores and 23.00 GiB of 24.00 GiB RAM free; ' +
      '4 slots of 8192 tokens need 6.10 GiB.',
    'qwen3.6-35b-a3b would need 21.55 GiB for 2 slots, in addition to 4.00 GiB in reserve.',
    'Expect slow answers: about 60 tokens of a prompt per second, so about 10 s for a new photo of 768 tokens, ' +
      'plus its encoding (estimated).'
  ])
  t.match(of(4, 2).reasons, [/^No preset fits 2\.00 GiB of usable RAM: the smallest needs \d\.\d\d GiB\.$/])
})

t.test('the settings count: a long context leaves room only for a smaller model', async t => {
  const long = { ...config, contextSize: 131_072 }
  t.equal(recommend(cardOf(24), config).preset, 'qwen3.8-27b')
  t.equal(recommend(cardOf(24), long).preset, 'qwen3.5-2b')
  t.match(recommend(cardOf(24), long).reasons, [/^The GPU has .*; 6 slots of 131072 tokens need /])
})

t.test('only presets are recommended', async t => {
  for (const gib of [2, 4, 8, 16, 24, 48, 141]) {
    for (const machine of [cardOf(gib), ram(gib, gib)]) {
      const { preset } = recommend(machine, config)
      t.ok(preset === null || preset in PRESETS)
    }
  }
})
