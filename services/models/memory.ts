import type { MemoryPlan, VisionInfo } from '../engine/engine.ts'
import { mostTokens, type ProjectorHeader } from './headers.ts'
import type { RecurrentShape } from './model-shape.ts'

/** Memory that a model needs, in bytes. */
export interface MemoryNeeds {
  weights: number
  projector: number
  /** Working memory of the projector for the largest image. */
  encoding: number
  /** Memory of a context in addition to its KV cells. */
  compute: number
  /** Memory of the KV cells of one sequence, and of its recurrent state. */
  slot: number
  /** RAM of the checkpoints of one sequence; 0 for a model without recurrent layers. */
  checkpoints: number
}

/** The memory of a machine or GPU. */
export interface Machine {
  memory: MemoryPlan['memory']
  /** Bytes. */
  total: number
  free: number
  /** Free bytes that must stay free. */
  reserve: number
  /** RAM in bytes that may be used in addition to the memory of a GPU. Null if unknown, or without a GPU. */
  usableRam: number | null
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

/** The sizes of recurrent layers that determine their memory. */
export type Recurrent = Omit<RecurrentShape, 'attentionLayers' | 'innerSize'>

export const GIB = 1024 ** 3
/** Copies of the recurrent state that a sequence keeps, to continue an earlier prefix of its prompt. */
export const CHECKPOINTS_PER_SLOT = 3
/** llama.cpp's headers in a saved state: of the sequence, and of each layer. */
const CHECKPOINT_HEADER_BYTES = 28
const CHECKPOINT_LAYER_BYTES = 24
const FLOAT_BYTES = 4
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

/** Returns the recurrent state of one sequence in bytes. It does not depend on the length of the prompt. */
export function recurrentStateBytes ({ layers, valueHeads, keyHeads, stateSize, convKernel }: Recurrent): number {
  const state = valueHeads * stateSize ** 2
  const convolution = (convKernel - 1) * (2 * keyHeads + valueHeads) * stateSize
  return FLOAT_BYTES * layers * (state + convolution)
}

/** Returns the size of one checkpoint in bytes, or 0 for a model without recurrent layers. */
export function checkpointBytes ({ recurrent }: { recurrent: Recurrent | null }): number {
  if (recurrent === null) return 0
  return CHECKPOINT_HEADER_BYTES + CHECKPOINT_LAYER_BYTES * recurrent.layers + recurrentStateBytes(recurrent)
}

/**
 * Returns how many slots keep answers fast, by a rule of thumb. Memory often suffices for more, but images are encoded
 * one after another and parallel answers slow each other down. GPUs with more memory are also faster: 3 slots on 8 GB,
 * 5 on 16, 6 on 24, 8 on 32.
 */
export function slotsThatStayFast ({ memory, total, cores }: Machine): number {
  const slots = memory === 'vram' ? Math.floor(2 + total / (5 * GIB)) : Math.max(2, Math.floor(cores / 2))
  return Math.min(slots, MOST_SLOTS)
}

/**
 * Returns the memory of an unused GPU with this many GiB. The reserve is the one of node-llama-cpp and covers the
 * memory of the driver.
 */
export function cardOf (gib: number): Machine {
  const total = gib * GIB
  return { memory: 'vram', total, free: total, reserve: Math.min(total * 0.08, 1.6 * GIB), usableRam: null, cores: 0 }
}

/**
 * Plans the memory of a machine. The image cache and the checkpoints are always in RAM, so with a GPU they are not
 * part of the sum.
 */
export function planMemory (
  needs: MemoryNeeds, machine: Machine, { slots: wanted, contextSize, imageCache }: PlanOptions
): MemoryPlan {
  const inRam = machine.memory === 'ram'
  const fixed = needs.weights + needs.projector + needs.encoding + needs.compute + (inRam ? imageCache : 0)
  const slot = needs.slot + (inRam ? needs.checkpoints : 0)
  const usable = Math.max(0, machine.free - machine.reserve)
  const slotsThatFit = Math.floor((usable - fixed) / slot)
  const slots =
    wanted === 'auto' ? Math.max(1, Math.min(slotsThatFit, slotsThatStayFast(machine))) : wanted
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
    checkpoints: needs.checkpoints,
    imageCache,
    needed: fixed + slots * slot,
    ramBesideGpu: inRam ? 0 : imageCache + slots * needs.checkpoints,
    usableRam: machine.usableRam
  }
}
