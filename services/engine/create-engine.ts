import type { Config } from '../../config.ts'
import type { Log } from '../log.ts'
import type { Engine } from './engine.ts'
import { createLocalEngine } from './local-engine.ts'

/** The engine that the configuration asks for. */
export function createEngine (config: Config, log: Log): Engine {
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
    imageCacheBytes: config.imageCacheMb * 1024 * 1024
  })
}
