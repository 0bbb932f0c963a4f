import type { MemoryPlan, VisionInfo } from '../engine/engine.ts'
import { mostTokens, type ProjectorHeader } from './headers.ts'

/** What a model takes, in bytes. */
export interface MemoryNeeds {
  weights: number
  projector: number
  /** While the largest image is encoded. */
  encoding: number
  /** What a context takes beside its cells. */
  compute: number
  /** The KV cells of one slot. */
  slot: number
}

/** Where it is to fit. */
export interface Machine {
  memory: MemoryPlan['memory']
  /** Bytes. */
  total: number
  free: number
  /** Of what is free, how much stays so. */
  reserve: number
  /** Cores that compute, where no GPU does. */
  cores: number
}

/** What decides how much memory seeing takes. */
export type Tower = Pick<ProjectorHeader, 'width' | 'windowed' | 'patchesOfToken'>

export interface PlanOptions {
  slots: number | 'auto'
  contextSize: number
  /** Bytes; always in the ordinary memory. */
  imageCache: number
}

export const GIB = 1024 ** 3
const MOST_SLOTS = 16
/** Measured with mtmd on hollow projectors of the real shapes, 256 to 4096 tokens, for each patch and unit of the tower's width: 39 to 40 bytes for Qwen3-VL, 26 for Qwen2-VL. */
const BYTES_OF_PATCH = 40
/** The same for Qwen2.5-VL, whose layers alternate between two orders of the patches. */
const BYTES_OF_WINDOWED_PATCH = 48
/** Of the mask over pairs of patches, in F32; its copy in F16 lives when other buffers do not. */
const BYTES_OF_PAIR = 4

/**
 * Working memory of the projector for the largest image, in bytes: what was measured or, for Qwen2.5-VL, up to 5 % more. It holds with flash attention,
 * which llama.cpp takes wherever the device has it.
 */
export function encodingBytes (projector: Tower, vision: VisionInfo, maxPixels: number): number {
  const patches = mostTokens(vision, maxPixels) * projector.patchesOfToken
  if (!projector.windowed) return patches * projector.width * BYTES_OF_PATCH
  return patches * projector.width * BYTES_OF_WINDOWED_PATCH + patches ** 2 * BYTES_OF_PAIR
}

/**
 * How many slots a machine keeps quick, a rule of thumb: memory would often hold more, but images are encoded one after another, and every answer is
 * slower for each that runs beside it. Cards with more memory compute faster too: 3 slots on 8 GB, 5 on 16, 6 on 24, 8 on 32.
 */
function slotsThatStayQuick ({ memory, total, cores }: Machine): number {
  return memory === 'vram' ? Math.floor(2 + total / (5 * GIB)) : Math.max(2, Math.floor(cores / 2))
}

/** A card of a size as it is sold, with nothing on it. What a driver takes for itself comes out of the reserve, which is node-llama-cpp's. */
export function cardOf (gib: number): Machine {
  const total = gib * GIB
  return { memory: 'vram', total, free: total, reserve: Math.min(total * 0.08, 1.6 * GIB), cores: 0 }
}

/** Shares the memory of a machine out. Pure: everything that it knows is in its arguments. */
export function planMemory (
  needs: MemoryNeeds, machine: Machine, { slots: wanted, contextSize, imageCache }: PlanOptions
): MemoryPlan {
  const cache = machine.memory === 'ram' ? imageCache : 0
  const fixed = needs.weights + needs.projector + needs.encoding + needs.compute + cache
  const usable = Math.max(0, machine.free - machine.reserve)
  const slotsThatFit = Math.floor((usable - fixed) / needs.slot)
  const slots =
    wanted === 'auto' ? Math.max(1, Math.min(slotsThatFit, slotsThatStayQuick(machine), MOST_SLOTS)) : wanted
  return {
    memory: machine.memory,
    auto: wanted === 'auto',
    slots,
    slotsThatFit: Math.max(0, slotsThatFit),
    contextSize,
    fits: slots <= slotsThatFit,
    total: machine.total,
    free: machine.free,
    reserve: machine.reserve,
    weights: needs.weights,
    projector: needs.projector,
    encoding: needs.encoding,
    compute: needs.compute,
    slot: needs.slot,
    imageCache,
    needed: fixed + slots * needs.slot
  }
}
