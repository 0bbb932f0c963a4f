import os from 'node:os'
import path from 'node:path'
import { getLlama, type Llama, type LlamaContext, type LlamaModel } from 'node-llama-cpp'
import { addonModel, Decoder } from '../../../native/node-llama-cpp.ts'
import { loadBridge, type Bridge, type Sampler, type SamplerOptions, type Vision } from '../../../native/vision.ts'
import { resolveModelFiles, type ModelFiles } from '../../models/files.ts'
import {
  mismatch, mostTokens, readModelHeader, readProjectorHeader, visionInfo, type ModelHeader, type ProjectorHeader
} from '../../models/headers.ts'
import { doubt } from '../../models/model-names.ts'
import { planMemory } from '../../models/memory.ts'
import { measureMachine, memoryNeeds, usesFlashAttention } from '../../models/requirements.ts'
import { defaultSampling, type DefaultSampling } from '../../models/sampling.ts'
import { planTable, planWarning } from '../../models/table.ts'
import type { MemoryPlan, VisionInfo } from '../engine.ts'
import { createContext } from './context.ts'
import type { LogLevel, WorkerLog } from './log.ts'
import { createPromptRenderer, type PromptRenderer } from './prompt.ts'
import type { ModelInfo, WorkerOptions } from './protocol.ts'

export interface LoadedModel {
  llama: Llama
  model: LlamaModel
  context: LlamaContext
  decoder: Decoder
  createSampler (options: SamplerOptions): Sampler
  /** Returns the sampling of a request that sets nothing. */
  samplingOf (thinks: boolean): DefaultSampling
  /** Null without a projector. */
  vision: Vision | null
  prompts: PromptRenderer
  /** Returns the KV cells of a prepared image. */
  tokensOf (image: { width: number, height: number }): number
  /** CPU threads of a decoding or an encoding while nothing else computes. */
  threads: number
  info: ModelInfo
}

/**
 * Loads llama.cpp, the model, the projector and a context with one sequence per slot.
 * @throws Error with a sentence for the operator
 */
export async function loadModel (
  options: WorkerOptions, log: WorkerLog, onDownload: (file: string, done: number, total: number) => void
): Promise<LoadedModel> {
  const files = await resolveModelFiles({
    model: options.model,
    mmproj: options.mmproj,
    modelsDir: options.modelsDir,
    onProgress: onDownload,
    onWarning: sentence => log('warn', sentence),
    onChoice: sentence => log('info', sentence)
  })
  const headers = await readHeaders(files, log)

  const llama = await getLlama({
    gpu: options.gpu === 'off' ? false : options.gpu,
    // The bridge is linked to the prebuilt llama.cpp, not to one that is compiled here.
    build: 'never',
    skipDownload: true,
    maxThreads: options.threads || os.availableParallelism(),
    logger: (level, message) => log(levelOf(level, message), message.trimEnd())
  }).catch((error: Error) => {
    throw new Error(
      `LLAMA_GPU=${options.gpu} does not work on this machine (${error.message || error.name}); use LLAMA_GPU=auto`
    )
  })
  if (llama.buildType !== 'prebuilt') {
    throw new Error(
      'node-llama-cpp loaded a locally built llama.cpp, but the vision bridge needs the prebuilt one; ' +
      'remove the local build'
    )
  }
  const bridge = await loadBridge(llama.gpu)
  bridge.setLogger((level, text) => {
    if (level === 3 || level === 4) log(level === 4 ? 'error' : 'debug', text.trimEnd())
  })

  const threads = options.threads || files.threads || llama.maxThreads
  const plan = await makePlan(llama, headers, options)
  log('info', `memory plan\n${planTable(plan)}`)
  const warning = planWarning(plan)
  if (warning) log('warn', warning)
  const model = await loadWeights(llama, files.model, plan)
  const projector =
    headers.projector === null ? null : await loadProjector(bridge, llama, model, headers.projector, options)
  // From here on, node-llama-cpp measures the projector's memory itself.
  if (plan.memory === 'vram') await llama.setVramCap(null)
  const prompts = createPromptRenderer(model, projector !== null)

  const flashAttention = usesFlashAttention(llama.gpu, options.flashAttention)
  const context = await createContext(model, { ...options, flashAttention, slots: plan.slots, threads }, log)
  const samplingOf = (thinks: boolean) => defaultSampling(headers.model, thinks, files.sampling)
  const thinking = prompts.thoughts?.mode ?? 'never'

  return {
    llama,
    model,
    context,
    decoder: new Decoder(bridge, model, context, { threads, reproducible: llama.gpu === false && !flashAttention }),
    createSampler: options => new bridge.Sampler(addonModel(model), options),
    samplingOf,
    vision: projector?.vision ?? null,
    prompts,
    tokensOf: ({ width, height }) => projector === null ? 0 : width * height / projector.info.multiple ** 2,
    threads,
    info: {
      model: path.basename(files.model, '.gguf'),
      architecture: headers.model.architecture,
      demo: files.demo,
      device: llama.gpu === false ? 'cpu' : llama.gpu,
      contextSize: context.contextSize,
      slots: plan.slots,
      plan,
      vision: projector?.info ?? null,
      tools: prompts.toolSyntax,
      thinking,
      temperature: samplingOf(thinking === 'always').temperature
    }
  }
}

/** Log lines of llama.cpp about an aborted batch: ggml reports status 1, and llama_decode returns 2. */
const ABORTED = /failed with error 1$|compute status: 1$|removing memory module entries|failed to decode, ret = 2$/

/** Log line of llama.cpp about each tensor of a draft layer, which Qwen3.8 has and the service does not use. */
const DRAFT_TENSOR = /model has unused tensor .*\.nextn\./

/** Log line of llama.cpp about each image on recurrent memory, because all tokens of an image have one position. */
const IMAGE_POSITION = /find_slot: non-consecutive token position/

function levelOf (level: string, message: string): LogLevel {
  if (ABORTED.test(message.trimEnd()) || IMAGE_POSITION.test(message) || DRAFT_TENSOR.test(message)) return 'debug'
  return level === 'fatal' || level === 'error' ? 'error' : level === 'warn' ? 'warn' : 'debug'
}

interface Headers { model: ModelHeader, projector: ProjectorHeader | null }

/** @throws Error that names both files when the projector belongs to another model */
async function readHeaders (files: ModelFiles, log: WorkerLog): Promise<Headers> {
  const model = await readModelHeader(files.model)
  if (files.mmproj === null) {
    log('warn', 'no projector found, so the model cannot see images: set MMPROJ')
    return { model, projector: null }
  }
  const projector = await readProjectorHeader(files.mmproj)
  const fault = mismatch(model, projector)
  if (fault) throw new Error(fault)
  const question = doubt(model, projector)
  if (question) log('warn', question)
  return { model, projector }
}

async function makePlan (llama: Llama, { model, projector }: Headers, options: WorkerOptions): Promise<MemoryPlan> {
  const needs = await memoryNeeds(llama, model, projector, options)
  return planMemory(needs, await measureMachine(llama), {
    slots: options.slots,
    contextSize: Math.min(options.contextSize, model.trainContext || options.contextSize),
    imageCache: options.imageCacheBytes
  })
}

/**
 * Loads the model. node-llama-cpp fills the GPU with layers, so its limit excludes the memory that the projector
 * needs later.
 */
async function loadWeights (
  llama: Llama, file: string, { memory, slotsThatFit, free, reserve, projector, encoding }: MemoryPlan
): Promise<LlamaModel> {
  if (memory === 'ram') return await llama.loadModel({ modelPath: file })
  await llama.setVramCap(Math.max(0, free - reserve - projector - encoding))
  return await llama.loadModel({ modelPath: file, gpuLayers: slotsThatFit > 0 ? 'max' : 'auto' })
}

async function loadProjector (
  bridge: Bridge, llama: Llama, model: LlamaModel, projector: ProjectorHeader, options: WorkerOptions
): Promise<{ vision: Vision, info: VisionInfo }> {
  const info = visionInfo(projector, options)
  const vision = await bridge.Vision.load(addonModel(model), projector.file, {
    gpu: llama.gpu !== false,
    threads: llama.maxThreads,
    // Preparation has set the size; mtmd must not enlarge an image that is below the minimum on purpose.
    minTokens: 1,
    maxTokens: info.maxTokens,
    // On Vulkan, encoding and decoding concurrently crashes.
    sharesLane: llama.gpu === 'vulkan'
  }).catch((error: Error) => { throw new Error(`${path.basename(projector.file)}: ${error.message}`) })
  await warmUp(vision, llama, info, options.maxPixels)
  return { vision, info }
}

/**
 * Encodes a blank image, because the first image allocates the projector's buffers and the largest one determines
 * their size. On a GPU the image has the maximum size, so that a GPU with too little memory fails at the start. On
 * CPUs it has the minimum size, which is fast.
 */
async function warmUp (vision: Vision, llama: Llama, info: VisionInfo, maxPixels: number): Promise<void> {
  const { multiple } = info
  const tokens = llama.gpu === false ? info.minTokens : mostTokens(info, maxPixels)
  const rows = Math.max(1, Math.floor(Math.sqrt(tokens)))
  const [width, height] = [Math.floor(tokens / rows) * multiple, rows * multiple]
  const image = await vision.encode(new Uint8Array(width * height * 3), width, height, llama.maxThreads)
  image.dispose()
}
