import os from 'node:os'
import { GgufInsights, type Llama } from 'node-llama-cpp'
import { CHECKPOINTS_PER_SLOT, checkpointBytes, encodingBytes, type Machine, type MemoryNeeds } from './memory.ts'
import { visionInfo, type ModelHeader, type ProjectorHeader, type TokenLimits } from './headers.ts'

/** `auto`: on GPUs only. */
export type FlashAttention = 'auto' | 'on' | 'off'

export interface NeedsOptions extends TokenLimits {
  contextSize: number
  maxPixels: number
  flashAttention: FlashAttention
}

/** Tokens of one decode, and the longest slice of a prompt. */
export const BATCH_SIZE = 512

/** Share of the RAM for this service, for the preparation of images, and for the system. */
const RAM_RESERVE_SHARE = 0.25
const RAM_RESERVE_MAX = 4 * 1024 ** 3

/**
 * Returns whether contexts use flash attention. On CPUs its results depend on how a prompt is cut into slices, so an
 * answer after prefix reuse would differ from a cold one. Without it the attention scores need more working memory.
 * @param gpu `Llama.gpu`: false for a CPU
 */
export function usesFlashAttention (gpu: Llama['gpu'], setting: FlashAttention): boolean {
  return setting === 'auto' ? gpu !== false : setting === 'on'
}

/**
 * Estimates the memory of a model and its projector with all layers in one place. node-llama-cpp estimates without
 * loading the weights. Each sequence adds the same amount to a context.
 * @param llama determines whether the layers run on a GPU
 */
export async function memoryNeeds (
  llama: Llama, model: ModelHeader, projector: ProjectorHeader | null, options: NeedsOptions
): Promise<MemoryNeeds> {
  const insights = await GgufInsights.from(model.info, llama)
  const onGpu = llama.gpu !== false
  const gpuLayers = onGpu ? insights.totalLayers : 0
  const bytesOf = ({ gpuVram, cpuRam }: { gpuVram: number, cpuRam: number }) => onGpu ? gpuVram : cpuRam
  const flashAttention = usesFlashAttention(llama.gpu, options.flashAttention)
  const contextSize = Math.min(options.contextSize, model.trainContext || options.contextSize)
  const context = async (sequences: number) => bytesOf(await insights.estimateContextResourceRequirementsV2({
    contextSize, sequences, batchSize: BATCH_SIZE, modelGpuLayers: gpuLayers, flashAttention
  }))
  const weights = bytesOf(await insights.estimateModelResourceRequirementsV2({ gpuLayers }))
  const [one, two] = [await context(1), await context(2)]
  return {
    weights,
    projector: projector?.bytes ?? 0,
    encoding: projector === null ? 0 : encodingBytes(projector, visionInfo(projector, options), options.maxPixels),
    compute: Math.max(0, 2 * one - two),
    slot: Math.max(1, two - one),
    checkpoints: CHECKPOINTS_PER_SLOT * checkpointBytes(model)
  }
}

/** Measures the memory in which the layers will be loaded. */
export async function measureMachine (llama: Llama): Promise<Machine> {
  const cores = llama.maxThreads
  const ram = measureRam()
  if (llama.gpu === false) return { memory: 'ram', ...ram, usableRam: null, cores }
  const { total, free } = await llama.getVramState()
  const usableRam = Math.max(0, ram.free - ram.reserve)
  return { memory: 'vram', total, free, reserve: llama.vramPaddingSize, usableRam, cores }
}

function measureRam (): { total: number, free: number, reserve: number } {
  // `process.availableMemory` would count cached files, such as the model, as used memory of the container.
  const limit = process.constrainedMemory() || Infinity
  const total = Math.min(os.totalmem(), limit)
  const free = Math.min(os.freemem(), Math.max(0, limit - process.memoryUsage.rss()))
  return { total, free, reserve: Math.min(total * RAM_RESERVE_SHARE, RAM_RESERVE_MAX) }
}
