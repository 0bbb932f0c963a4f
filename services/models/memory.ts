import type { MemoryPlan, VisionInfo } from '../engine/engine.ts'
import { mostTokens, type ProjectorHeader } from './headers.ts'

/** Memory that a model needs, in bytes. */
export interface MemoryNeeds {
  weights: number
  projector: number
  /** Working memory of the projector for the largest image. */
  encoding: number
  /** Memory of a context in addition to its KV cells. */
  compute: number
  /** Memory of the KV cells of one sequence. */
  slot: number
}

/** The memory of a machine or GPU. */
export interface Machine {
  memory: MemoryPlan['memory']
  /** Bytes. */
  total: number
  free: number
  /** Free bytes that must stay free. */
  reserve: number
  /** CPU cores, for a machine without a GPU. */
  cores: number
}

/** The properties of a vision tower that determine its working memory. */
export type Tower = Pick<ProjectorHeader, 'width' | 'windowed' | 'patchesOfToken'>

export interface PlanOptions {
  slots: number | 'auto'
  contextSize: number
  /** Bytes of RAM. */
  imageCache: number
}

export const GIB = 1024 ** 3
const MOST_SLOTS = 16
/** Bytes per patch and unit of the tower's width. mtmd needs 39 to 40 for Qwen3-VL and 26 for Qwen2-VL. */
const BYTES_OF_PATCH = 40
/** The same for Qwen2.5-VL, because its layers alternate between two orders of the patches. */
const BYTES_OF_WINDOWED_PATCH = 48
/** Bytes per pair of patches of the attention mask in F32. Its copy in F16 reuses other buffers. */
const BYTES_OF_PAIR = 4

/**
 * Returns the working memory of the projector for the largest image, in bytes. It is at most 5 % above the measured
 * values. It assumes flash attention, which llama.cpp uses on every device that supports it.
 */
export function encodingBytes (projector: Tower, vision: VisionInfo, maxPixels: number): number {
  const patches = mostTokens(vision, maxPixels) * projector.patchesOfToken
  if (!projector.windowed) return patches * projector.width * BYTES_OF_PATCH
  return patches * projector.width * BYTES_OF_WINDOWED_PATCH + patches ** 2 * BYTES_OF_PAIR
}

/**
 * Returns how many slots keep answers fast, by a rule of thumb. Memory often suffices for more, but images are encoded
 * one after another and parallel answers slow each other down. GPUs with more memory are also faster: 3 slots on 8 GB,
 * 5 on 16, 6 on 24, 8 on 32.
 */
function slotsThatStayFast ({ memory, total, cores }: Machine): number {
  return memory === 'vram' ? Math.floor(2 + total / (5 * GIB)) : Math.max(2, Math.floor(cores / 2))
}

/**
 * Returns the memory of an unused GPU with this many GiB. The reserve is the one of node-llama-cpp and covers the
 * memory of the driver.
 */
export function cardOf (gib: number): Machine {
  const total = gib * GIB
  return { memory: 'vram', total, free: total, reserve: Math.min(total * 0.08, 1.6 * GIB), cores: 0 }
}

/** Plans the memory of a machine. */
export function planMemory (
  needs: MemoryNeeds, machine: Machine, { slots: wanted, contextSize, imageCache }: PlanOptions
): MemoryPlan {
  const cache = machine.memory === 'ram' ? imageCache : 0
  const fixed = needs.weights + needs.projector + needs.encoding + needs.compute + cache
  const usable = Math.max(0, machine.free - machine.reserve)
  const slotsThatFit = Math.floor((usable - fixed) / needs.slot)
  const slots =
    wanted === 'auto' ? Math.max(1, Math.min(slotsThatFit, slotsThatStayFast(machine), MOST_SLOTS)) : wanted
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
