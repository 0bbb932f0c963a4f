import { statSync } from 'node:fs'
import type { Config } from '../../config/config.ts'
import { PRESETS, type PresetFigures } from '../../models/presets.ts'
import type { MemoryPlan } from '../../services/engine/engine.ts'
import { findFile } from '../../services/models/files.ts'
import { visionInfo } from '../../services/models/headers.ts'
import { cardOf, encodingBytes, planMemory, type Machine, type MemoryNeeds } from '../../services/models/memory.ts'
import { gibibytes, gigabytes, table } from '../../services/models/table.ts'

/** Of cards as they are sold, in GiB. */
export const CARDS = [8, 12, 16, 24, 32, 48, 80]
const DEFAULT_SLOTS = 3

/** With how many slots a table reckons; with the usual ones where the operator leaves them to the plan, which wants a card. */
export function tabulatedSlots ({ maxConcurrentRequests }: Config): number {
  return maxConcurrentRequests === 'auto' ? DEFAULT_SLOTS : maxConcurrentRequests
}

/** The presets as two tables: files, and the memory that they take. */
export async function listPresets (config: Config): Promise<string> {
  const slots = tabulatedSlots(config)
  const files = [['preset', 'file', 'size', 'on disk']]
  const memory = [[
    'preset', 'model', 'projector', 'largest picture', 'computing', 'a slot', `${slots} slots, all`,
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
      name, gibibytes(needs.weights), gibibytes(
        needs.projector
      ), gibibytes(needs.encoding), gibibytes(needs.compute), gibibytes(needs.slot),
      gibibytes(plan(cardOf(0), slots).needed), ...CARDS.map(gib => slotsOf(plan(cardOf(gib), 'auto')))
    ])
  }
  return `${table(files, [2])}

Memory with CONTEXT_SIZE=${config.contextSize}, and slots that MAX_CONCURRENT_REQUESTS=auto takes on an empty card:

${table(memory, memory[0]!.map((_, column) => column).slice(1))}

Sizes of what is not on the disk are worked out, not asked for. MODELS_DIR=${config.modelsDir}`
}

/** As many slots as a card gets; a dash where the model does not fit. */
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
