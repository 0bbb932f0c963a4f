import { statSync } from 'node:fs'
import type { Config } from '../../config/config.ts'
import { PRESETS, type PresetFigures } from '../../models/presets.ts'
import type { MemoryPlan } from '../../services/engine/engine.ts'
import { findFile } from '../../services/models/files.ts'
import { visionInfo } from '../../services/models/headers.ts'
import { cardOf, encodingBytes, planMemory, type Machine, type MemoryNeeds } from '../../services/models/memory.ts'
import { gibibytes, gigabytes, table } from '../../services/models/table.ts'

/** Common memory sizes of GPUs in GiB. */
export const CARDS = [8, 12, 16, 24, 32, 48, 80]
const DEFAULT_SLOTS = 3

/** Returns the number of slots for a memory table: the setting, or the default if the setting is `auto`. */
export function tabulatedSlots ({ maxConcurrentRequests }: Config): number {
  return maxConcurrentRequests === 'auto' ? DEFAULT_SLOTS : maxConcurrentRequests
}

/** Returns two tables of the presets: their files, and the memory that they need. */
export async function listPresets (config: Config): Promise<string> {
  const slots = tabulatedSlots(config)
  const files = [['preset', 'file', 'size', 'on disk']]
  const memory = [[
    'preset', 'model', 'projector', 'largest image', 'compute', 'one slot', `total, ${slots} slots`,
    ...CARDS.map(gib => `${gib} GB`)
  ]]
  for (const [name, { model, mmproj, figures }] of Object.entries(PRESETS)) {
    files.push(
      await describe(name, model, figures!.model, config), await describe('', mmproj, figures!.projector, config)
    )
    const needs = needsOf(figures!, config)
    const plan = (machine: Machine, wanted: number | 'auto') =>
      planMemory(needs, machine, { slots: wanted, contextSize: config.contextSize, imageCache: 0 })
    memory.push([
      name,
      ...[needs.weights, needs.projector, needs.encoding, needs.compute, needs.slot].map(gibibytes),
      gibibytes(plan(cardOf(0), slots).needed),
      ...CARDS.map(gib => slotsOf(plan(cardOf(gib), 'auto')))
    ])
  }
  return `${table(files, [2])}

Memory with CONTEXT_SIZE=${config.contextSize}, and slots with MAX_CONCURRENT_REQUESTS=auto on an unused GPU:

${table(memory, memory[0]!.map((_, column) => column).slice(1))}

Sizes of files that are not on the disk are calculated. MODELS_DIR=${config.modelsDir}`
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

function needsOf ({ weights, projector, compute, cell, tower }: PresetFigures, config: Config): MemoryNeeds {
  const vision =
    visionInfo({ coordinates: 'pixels', minTokens: undefined, maxTokens: undefined, multiple: tower.multiple }, config)
  return {
    weights,
    projector,
    compute,
    slot: cell * config.contextSize,
    encoding: encodingBytes(tower, vision, config.maxPixels)
  }
}
