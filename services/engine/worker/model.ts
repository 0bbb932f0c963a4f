import os from 'node:os'
import path from 'node:path'
import { getLlama, readGgufFileInfo, type Llama, type LlamaContext, type LlamaModel } from 'node-llama-cpp'
import { addonModel, Decoder } from '../../../native/node-llama-cpp.ts'
import { loadBridge, type Bridge, type Sampler, type SamplerOptions, type Vision } from '../../../native/vision.ts'
import type { VisionInfo } from '../engine.ts'
import { createContext } from './context.ts'
import { resolveModelFiles } from './model-files.ts'
import { createPromptRenderer, type PromptRenderer } from './prompt.ts'
import type { ModelInfo, WorkerOptions } from './protocol.ts'

export interface LoadedModel {
  llama: Llama
  model: LlamaModel
  context: LlamaContext
  decoder: Decoder
  createSampler (options: SamplerOptions): Sampler
  /** Null when there is no projector. */
  vision: Vision | null
  prompts: PromptRenderer
  /** KV cells that a prepared picture takes. */
  tokensOf (image: { width: number, height: number }): number
  /** CPU threads of one decoding or encoding, when nothing else computes. */
  threads: number
  info: ModelInfo
}

export type Log = (level: 'debug' | 'info' | 'warn' | 'error', message: string) => void

/** The projectors whose pictures Sightline prepares as Qwen does, and what the numbers mean with which their models point. */
const PROJECTORS = new Map<string | undefined, VisionInfo['coordinates']>([
  ['qwen2vl_merger', 'pixels'],
  ['qwen2.5vl_merger', 'pixels'],
  ['qwen3vl_merger', 'grid1000']
])
/** What clip.cpp allows the Qwen-VL family when nobody says otherwise, in tokens of one picture. */
const CLIP_MIN_TOKENS = 8
const CLIP_MAX_TOKENS = 4096

/**
 * Loads llama.cpp, the model, the projector and a context with one sequence a slot.
 * @throws Error with a sentence for the operator
 */
export async function loadModel (options: WorkerOptions, log: Log, onDownload: (file: string, done: number, total: number) => void): Promise<LoadedModel> {
  const files = await resolveModelFiles({ model: options.model, mmproj: options.mmproj, modelsDir: options.modelsDir, onProgress: onDownload })

  const llama = await getLlama({
    gpu: options.gpu === 'off' ? false : options.gpu,
    // A llama.cpp compiled here would not be the one that the bridge is linked to.
    build: 'never',
    skipDownload: true,
    maxThreads: options.threads || os.availableParallelism(),
    logger: (level, message) => log(level === 'fatal' || level === 'error' ? 'error' : level === 'warn' ? 'warn' : 'debug', message.trimEnd())
  }).catch((error: Error) => {
    throw new Error(`LLAMA_GPU=${options.gpu}: node-llama-cpp has no llama.cpp that works that way here (${error.message || error.name})`)
  })
  if (llama.buildType !== 'prebuilt') throw new Error('node-llama-cpp loaded a llama.cpp that was built locally; remove it, the vision bridge is linked to the prebuilt one')
  const bridge = await loadBridge(llama.gpu)
  bridge.setLogger((level, text) => {
    if (level === 3 || level === 4) log(level === 4 ? 'error' : 'debug', text.trimEnd())
  })

  const model = await llama.loadModel({ modelPath: files.model })
  const threads = options.threads || files.threads || llama.maxThreads
  const projector = files.mmproj === null ? null : await loadProjector(bridge, llama, model, files.mmproj, options)
  if (projector === null) log('warn', 'No projector was found: the model answers text only. Name one with MMPROJ.')
  const prompts = createPromptRenderer(model, projector !== null)

  const context = await createContext(model, { ...options, threads }, log)

  return {
    llama,
    model,
    context,
    decoder: new Decoder(bridge, model, context, threads),
    createSampler: options => new bridge.Sampler(addonModel(model), options),
    vision: projector?.vision ?? null,
    prompts,
    tokensOf: ({ width, height }) => projector === null ? 0 : width * height / projector.info.multiple ** 2,
    threads,
    info: {
      model: path.basename(files.model, '.gguf'),
      architecture: model.fileInfo.metadata.general.architecture,
      demo: files.demo,
      device: llama.gpu === false ? 'cpu' : llama.gpu,
      contextSize: context.contextSize,
      slots: options.slots,
      vision: projector?.info ?? null,
      tools: prompts.toolSyntax,
      temperature: files.temperature
    }
  }
}

async function loadProjector (bridge: Bridge, llama: Llama, model: LlamaModel, file: string, options: WorkerOptions): Promise<{ vision: Vision, info: VisionInfo }> {
  const info = await projectorInfo(file, options)
  const vision = await bridge.Vision.load(addonModel(model), file, {
    gpu: llama.gpu !== false,
    threads: llama.maxThreads,
    // Preparation has decided the size; mtmd must not pad a picture that had to stay below the minimum.
    minTokens: 1,
    maxTokens: info.maxTokens,
    // Two computations at a time crash there.
    sharesLane: llama.gpu === 'vulkan'
  }).catch((error: Error) => { throw new Error(`${path.basename(file)}: ${error.message}`) })
  await warmUp(vision, llama, info, options.maxPixels)
  return { vision, info }
}

/**
 * Encodes a blank picture, because the projector's buffers are made with the first one and grow with the largest. On a GPU it has
 * the largest size that can come, so that a card which is too small shows at the start; on CPUs the smallest, which is quick.
 */
async function warmUp (vision: Vision, llama: Llama, { multiple, minTokens, maxTokens }: VisionInfo, maxPixels: number): Promise<void> {
  const tokens = llama.gpu === false ? minTokens : Math.max(minTokens, Math.min(maxTokens, Math.floor(maxPixels / multiple ** 2)))
  const rows = Math.max(1, Math.floor(Math.sqrt(tokens)))
  const [width, height] = [Math.floor(tokens / rows) * multiple, rows * multiple]
  const picture = await vision.encode(new Uint8Array(width * height * 3), width, height, llama.maxThreads)
  picture.dispose()
}

/**
 * What a projector wants of a picture, from its GGUF keys. clip.cpp reads no limits from the file for Qwen-VL; those that the
 * file states are what the model was trained with, so they hold here, and the operator's settings override them.
 * @throws Error when it is not a projector of the Qwen-VL family or the limits contradict each other
 */
export async function projectorInfo (file: string, { imageMinTokens, imageMaxTokens }: Pick<WorkerOptions, 'imageMinTokens' | 'imageMaxTokens'>): Promise<VisionInfo> {
  const { metadata } = await readGgufFileInfo(file, { readTensorInfo: false })
    .catch((error: Error) => { throw new Error(`${path.basename(file)} is not a GGUF file: ${error.message}`) })
  const clip = (metadata as { clip?: ClipMetadata }).clip
  const type = clip?.projector_type ?? clip?.vision?.projector_type
  const coordinates = PROJECTORS.get(type)
  if (!clip?.vision || !coordinates) throw new Error(`${path.basename(file)} is not a projector of the Qwen-VL family (${type ?? 'no clip.projector_type'})`)
  const multiple = clip.vision.patch_size * (clip.vision.spatial_merge_size ?? 2)
  const tokens = (pixels: number | undefined) => pixels === undefined ? undefined : Math.floor(pixels / (multiple * multiple))
  const minTokens = imageMinTokens ?? tokens(clip.vision.image_min_pixels) ?? CLIP_MIN_TOKENS
  const maxTokens = imageMaxTokens ?? tokens(clip.vision.image_max_pixels) ?? CLIP_MAX_TOKENS
  if (minTokens > maxTokens) throw new Error(`A picture would need at least ${minTokens} and at most ${maxTokens} tokens: check IMAGE_MIN_TOKENS and IMAGE_MAX_TOKENS`)
  return { multiple, minTokens, maxTokens, coordinates }
}

interface ClipMetadata {
  projector_type?: string
  vision?: { projector_type?: string, patch_size: number, spatial_merge_size?: number, image_min_pixels?: number, image_max_pixels?: number }
}
