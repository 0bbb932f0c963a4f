import { PRESETS } from '../../models/presets.ts'
import type { MemoryPlan } from '../../services/engine/engine.ts'
import { planMemory, slotsThatStayFast, type Machine } from '../../services/models/memory.ts'
import { gibibytes } from '../../services/models/table.ts'
import { needsOf, type NeedsConfig } from './needs.ts'

export interface RecommendConfig extends NeedsConfig {
  imageCacheMb: number
}

export interface Recommendation {
  /** Null if no preset fits the machine. */
  preset: string | null
  /** Sentences for the operator. */
  reasons: string[]
}

/**
 * The presets to choose from, best first. A GPU is fast enough for dense models. A CPU needs a model with few active
 * parameters: a mixture of experts if the RAM holds it, otherwise a small one.
 */
const CANDIDATES: Record<Machine['memory'], string[]> = {
  vram: ['qwen3.8-27b', 'qwen3.5-9b', 'qwen3.5-4b', 'qwen3.5-2b'],
  ram: ['qwen3.6-35b-a3b', 'qwen3.5-4b', 'qwen3.5-2b']
}
const FEWEST_SLOTS_ON_CPU = 2
/** Operations per second of one core while it evaluates a prompt, roughly: 2020s server CPUs, weights in Q4_K. */
const OPERATIONS_PER_CORE = 50e9
/** Tokens of a common photo: 1024 × 768 pixels. */
const TOKENS_OF_PHOTO = 768

/** Recommends a preset for a machine, with the slots that `MAX_CONCURRENT_REQUESTS=auto` plans. */
export function recommend (machine: Machine, config: RecommendConfig): Recommendation {
  const plans = CANDIDATES[machine.memory].map(preset => ({ preset, plan: planOf(preset, machine, config) }))
  const enough = machine.memory === 'vram' ? slotsThatStayFast(machine) : FEWEST_SLOTS_ON_CPU
  const chosen = plans.find(({ plan }) => plan.slotsThatFit >= enough) ?? plans.findLast(({ plan }) => plan.fits)
  if (!chosen) return { preset: null, reasons: [nothingFits(machine, plans.at(-1)!.plan)] }
  const larger = plans[plans.indexOf(chosen) - 1]
  return {
    preset: chosen.preset,
    reasons: [
      describe(machine, chosen.plan),
      ...larger ? [compare(larger, enough)] : [],
      ...machine.memory === 'vram' ? aboutExperts(machine) : [aboutSpeed(chosen.preset, machine)]
    ]
  }
}

function planOf (preset: string, machine: Machine, config: RecommendConfig): MemoryPlan {
  return planMemory(needsOf(PRESETS[preset]!.figures!, machine.memory, config), machine, {
    slots: 'auto', contextSize: config.contextSize, imageCache: config.imageCacheMb * 1024 ** 2
  })
}

function describe ({ memory, total, free, cores }: Machine, { slots, contextSize, needed }: MemoryPlan): string {
  const place = memory === 'vram'
    ? `The GPU has ${gibibytes(free)} of ${gibibytes(total)} free`
    : `There is no GPU; the machine has ${cores} cores and ${gibibytes(free)} of ${gibibytes(total)} RAM free`
  const many = slots === 1 ? '1 slot' : `${slots} slots`
  return `${place}; ${many} of ${contextSize} tokens need ${gibibytes(needed)}.`
}

function compare ({ preset, plan }: { preset: string, plan: MemoryPlan }, enough: number): string {
  const { needed, slots, slot, checkpoints, memory } = plan
  const ofSlot = slot + (memory === 'ram' ? checkpoints : 0)
  const more = needed + (enough - slots) * ofSlot
  const reserve = gibibytes(plan.reserve)
  return `${preset} would need ${gibibytes(more)} for ${enough} slots, in addition to ${reserve} in reserve.`
}

/** node-llama-cpp moves whole layers to the RAM, not only the experts. */
function aboutExperts ({ total }: Machine): string[] {
  const { weights, projector } = PRESETS['qwen3.6-35b-a3b']!.figures!
  return total > weights + projector
    ? []
    : ['qwen3.6-35b-a3b does not fit: node-llama-cpp cannot keep only its experts in RAM.']
}

function aboutSpeed (preset: string, { cores }: Machine): string {
  const tokens = cores * OPERATIONS_PER_CORE / (2 * PRESETS[preset]!.figures!.active)
  const seconds = TOKENS_OF_PHOTO / tokens
  return `Expect slow answers: about ${toOneDigit(tokens)} tokens of a prompt per second, so about ` +
    `${toOneDigit(seconds)} s for a new photo of ${TOKENS_OF_PHOTO} tokens, plus its encoding (estimated).`
}

function toOneDigit (value: number): string {
  return String(Number(value.toPrecision(1)))
}

function nothingFits ({ memory, free, reserve }: Machine, smallest: MemoryPlan): string {
  const usable = gibibytes(Math.max(0, free - reserve))
  const place = memory === 'vram' ? 'VRAM' : 'RAM'
  return `No preset fits ${usable} of usable ${place}: the smallest needs ${gibibytes(smallest.needed)}` +
    (memory === 'vram' ? '; LLAMA_GPU=off uses the RAM.' : '.')
}
