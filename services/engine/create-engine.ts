import type { Config } from '../../config/config.ts'
import type { Log } from '../log.ts'
import type { Engine, VisionInfo } from './engine.ts'
import { createLocalEngine } from './local-engine.ts'
import { createOpenAiEngine } from './openai-engine.ts'

/** The multiple of Qwen3-VL's projector. The models with this projector use coordinates in thousandths. */
const QWEN3_MULTIPLE = 32
/**
 * Default limits of upstreams, in tokens of one image. An upstream enlarges an image below its minimum, which would
 * make our token counts and boxes wrong. Sources: preprocessor_config.json of the models (Qwen2.5-VL 4, Qwen3-VL 64),
 * clip.cpp (8 to 4096).
 */
const MIN_TOKENS = 8
const QWEN3_MIN_TOKENS = 64
const MAX_TOKENS = 4096

/** Creates the engine that the configuration selects. */
export function createEngine (config: Config, log: Log): Engine {
  const imageCacheBytes = config.imageCacheMb * 1024 * 1024
  if (config.engine === 'openai') {
    return createOpenAiEngine({
      log,
      urls: config.engineUrls,
      apiKey: config.engineApiKey,
      model: config.engineModel,
      contextSize: config.contextSize,
      // loadConfig rejects `auto` for this engine.
      slots: config.maxConcurrentRequests as number,
      vision: visionOf(config),
      imageCacheBytes,
      maxThinkingTokens: config.maxThinkingTokens
    })
  }
  return createLocalEngine({
    log,
    model: config.model,
    mmproj: config.mmproj,
    modelsDir: config.modelsDir,
    gpu: config.llamaGpu,
    flashAttention: config.flashAttention,
    threads: config.llamaThreads,
    contextSize: config.contextSize,
    slots: config.maxConcurrentRequests,
    imageMinTokens: config.imageMinTokens,
    imageMaxTokens: config.imageMaxTokens,
    maxPixels: config.maxPixels,
    imageCacheBytes
  })
}

/** Derives the image sizes for upstreams from the settings, because upstreams do not report them. */
export function visionOf ({
  engineImageMultiple: multiple, imageMinTokens, imageMaxTokens
}: Pick<Config, 'engineImageMultiple' | 'imageMinTokens' | 'imageMaxTokens'>): VisionInfo | null {
  if (multiple === 0) return null
  const qwen3 = multiple === QWEN3_MULTIPLE
  const maxTokens = imageMaxTokens ?? Math.max(MAX_TOKENS, imageMinTokens ?? 0)
  const minTokens = imageMinTokens ?? Math.min(qwen3 ? QWEN3_MIN_TOKENS : MIN_TOKENS, maxTokens)
  return { multiple, minTokens, maxTokens, coordinates: qwen3 ? 'grid1000' : 'pixels' }
}
