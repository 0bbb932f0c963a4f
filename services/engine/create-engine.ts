import type { Config } from '../../config/config.ts'
import type { Log } from '../log.ts'
import type { Engine, VisionInfo } from './engine.ts'
import { createLocalEngine } from './local-engine.ts'
import { createOpenAiEngine } from './openai-engine.ts'

/** Qwen3-VL's projector, which is also the one whose models point in thousandths. */
const QWEN3_MULTIPLE = 32
/**
 * What servers leave as it is when nobody says otherwise, in tokens of one image. Below the minimum they would enlarge it, and then our figures and
 * boxes were wrong. Sources: preprocessor_config.json of the models (Qwen2.5-VL 4, Qwen3-VL 64), clip.cpp (8 to 4096).
 */
const MIN_TOKENS = 8
const QWEN3_MIN_TOKENS = 64
const MAX_TOKENS = 4096

/** The engine that the configuration asks for. */
export function createEngine (config: Config, log: Log): Engine {
  const imageCacheBytes = config.imageCacheMb * 1024 * 1024
  if (config.engine === 'openai') {
    return createOpenAiEngine({
      log,
      urls: config.engineUrls,
      apiKey: config.engineApiKey,
      model: config.engineModel,
      contextSize: config.contextSize,
      // `auto` is for models of our own: loadConfig sees to that.
      slots: config.maxConcurrentRequests as number,
      vision: visionOf(config),
      imageCacheBytes
    })
  }
  return createLocalEngine({
    log,
    model: config.model,
    mmproj: config.mmproj,
    modelsDir: config.modelsDir,
    gpu: config.llamaGpu,
    threads: config.llamaThreads,
    contextSize: config.contextSize,
    slots: config.maxConcurrentRequests,
    imageMinTokens: config.imageMinTokens,
    imageMaxTokens: config.imageMaxTokens,
    maxPixels: config.maxPixels,
    imageCacheBytes
  })
}

/** What a model elsewhere wants of images, which nobody there can be asked for. */
export function visionOf ({
  engineImageMultiple: multiple, imageMinTokens, imageMaxTokens
}: Pick<Config, 'engineImageMultiple' | 'imageMinTokens' | 'imageMaxTokens'>): VisionInfo | null {
  if (multiple === 0) return null
  const qwen3 = multiple === QWEN3_MULTIPLE
  const maxTokens = imageMaxTokens ?? Math.max(MAX_TOKENS, imageMinTokens ?? 0)
  const minTokens = imageMinTokens ?? Math.min(qwen3 ? QWEN3_MIN_TOKENS : MIN_TOKENS, maxTokens)
  return { multiple, minTokens, maxTokens, coordinates: qwen3 ? 'grid1000' : 'pixels' }
}
