import os from 'node:os'
import { GgufInsights, type Llama } from 'node-llama-cpp'
import { encodingBytes, type Machine, type MemoryNeeds } from './memory.ts'
import { visionInfo, type ModelHeader, type ProjectorHeader, type TokenLimits } from './headers.ts'

export interface NeedsOptions extends TokenLimits {
  contextSize: number
  maxPixels: number
}

/** Tokens of one decode; also the longest slice of a prompt. */
export const BATCH_SIZE = 512

/** Of the ordinary memory, for this service, for images that are prepared, and for the system. */
const RAM_RESERVE_SHARE = 0.25
const RAM_RESERVE_MAX = 4 * 1024 ** 3

/**
 * What a model and its projector take when all layers run in one place, by what node-llama-cpp finds out of llama.cpp without loading the weights.
 * @param llama its GPU decides; a context grows by the same with every slot
 */
export async function memoryNeeds (
  llama: Llama, model: ModelHeader, projector: ProjectorHeader | null, options: NeedsOptions
): Promise<MemoryNeeds> {
  const insights = await GgufInsights.from(model.info, llama)
  const onGpu = llama.gpu !== false
  const gpuLayers = onGpu ? insights.totalLayers : 0
  const taken = ({ gpuVram, cpuRam }: { gpuVram: number, cpuRam: number }) => onGpu ? gpuVram : cpuRam
  const contextSize = Math.min(options.contextSize, model.trainContext || options.contextSize)
  const context = async (sequences: number) => taken(await insights.estimateContextResourceRequirementsV2({
    contextSize, sequences, batchSize: BATCH_SIZE, modelGpuLayers: gpuLayers
  }))
  const weights = taken(await insights.estimateModelResourceRequirementsV2({ gpuLayers }))
  const [one, two] = [await context(1), await context(2)]
  return {
    weights,
    projector: projector?.bytes ?? 0,
    encoding: projector === null ? 0 : encodingBytes(projector, visionInfo(projector, options), options.maxPixels),
    compute: Math.max(0, 2 * one - two),
    slot: Math.max(1, two - one)
  }
}

/** The memory in which the layers will lie, as it is now. */
export async function measureMachine (llama: Llama): Promise<Machine> {
  const cores = llama.maxThreads
  if (llama.gpu !== false) {
    const { total, free } = await llama.getVramState()
    return { memory: 'vram', total, free, reserve: llama.vramPaddingSize, cores }
  }
  // What a container may have counts the files that it has read as taken, the model's too: so not `process.availableMemory`.
  const limit = process.constrainedMemory() || Infinity
  const total = Math.min(os.totalmem(), limit)
  const free = Math.min(os.freemem(), Math.max(0, limit - process.memoryUsage.rss()))
  return { memory: 'ram', total, free, reserve: Math.min(total * RAM_RESERVE_SHARE, RAM_RESERVE_MAX), cores }
}
