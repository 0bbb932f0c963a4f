import { statSync } from 'node:fs'
import type { Config } from '../../config/config.ts'
import { PRESETS } from '../../models/presets.ts'
import type { MemoryPlan } from '../../services/engine/engine.ts'
import { findFile } from '../../services/models/files.ts'
import { cardOf, planMemory, type Machine } from '../../services/models/memory.ts'
import { measureMachine } from '../../services/models/requirements.ts'
import { gibibytes, gigabytes, table } from '../../services/models/table.ts'
import { withLlama } from './llama.ts'
import { needsOf } from './needs.ts'
import { recommend } from './recommend.ts'

/** Common memory sizes of GPUs in GiB. */
export const CARDS = [8, 12, 16, 24, 32, 48, 80]
const DEFAULT_SLOTS = 3

/** Returns the number of slots for a memory table: the setting, or the default if the setting is `auto`. */
export function tabulatedSlots ({ maxConcurrentRequests }: Config): number {
  return maxConcurrentRequests === 'auto' ? DEFAULT_SLOTS : maxConcurrentRequests
}

/** Returns two tables of the presets, their files and the memory that they need, and a recommendation. */
export async function listPresets (config: Config): Promise<string> {
  const slots = tabulatedSlots(config)
  const files = [['preset', 'file', 'size', 'on disk']]
  const memory = [[
    'preset', 'model', 'projector', 'largest image', 'compute', 'one slot', `total, ${slots} slots`, 'checkpoints',
    ...CARDS.map(gib => `${gib} GB`)
  ]]
  for (const [name, { model, mmproj, figures }] of Object.entries(PRESETS)) {
    files.push(
      await describe(name, model, figures!.model, config), await describe('', mmproj, figures!.projector, config)
    )
    const needs = needsOf(figures!, 'vram', config)
    const plan = (machine: Machine, wanted: number | 'auto') =>
      planMemory(needs, machine, { slots: wanted, contextSize: config.contextSize, imageCache: 0 })
    const { needed, ramBesideGpu } = plan(cardOf(0), slots)
    memory.push([
      name,
      ...[needs.weights, needs.projector, needs.encoding, needs.compute, needs.slot, needed].map(gibibytes),
      ramBesideGpu === 0 ? '-' : gibibytes(ramBesideGpu),
      ...CARDS.map(gib => slotsOf(plan(cardOf(gib), 'auto')))
    ])
  }
  return `${table(files, [2])}

Memory of an unused GPU with CONTEXT_SIZE=${config.contextSize}, and slots with MAX_CONCURRENT_REQUESTS=auto:

${table(memory, memory[0]!.map((_, column) => column).slice(1))}

Checkpoints are in RAM, those of ${slots} slots are shown. MODELS_DIR=${config.modelsDir}
The authors of this service have downloaded and run none of these models. The sizes of files that are not on the disk
are those that other projects report, or calculated.

${await recommendation(config)}`
}

/** Returns the recommendation for this machine, as lines. */
async function recommendation (config: Config): Promise<string> {
  const gpu = config.llamaGpu === 'off' ? false : config.llamaGpu
  const machine = await withLlama(measureMachine, gpu).catch((error: Error) => error)
  if (machine instanceof Error) return `No recommendation, because LLAMA_GPU=${config.llamaGpu} does not work here`
  const { preset, reasons } = recommend(machine, config)
  return [
    `Recommended for this machine: ${preset ?? 'the embedded model'}`,
    ...reasons.map(reason => `  ${reason}`),
    ...preset === null ? [] : [`  MODEL=${preset} MAX_CONCURRENT_REQUESTS=auto npm start`]
  ].join('\n')
}

/** Returns the slots of a plan, or a dash if the model does not fit. */
export function slotsOf (plan: MemoryPlan): string {
  return plan.fits ? String(plan.slots) : '-'
}

async function describe (preset: string, uri: string, size: number, { modelsDir }: Config): Promise<string[]> {
  const file = await findFile(uri, modelsDir)
  return [
    preset, uri.slice(uri.lastIndexOf('/') + 1), gigabytes(file === null ? size : statSync(file).size),
    file === null ? 'no' : 'yes'
  ]
}
