import type { EngineEvent, EngineImage, EngineInfo, GenerateRequest, Inspection, Tool, Turn } from '../engine.ts'

/** What the child needs to know to load a model. Sent once, right after the start. */
export interface WorkerOptions {
  model: string
  mmproj: string
  modelsDir: string
  gpu: 'auto' | 'cuda' | 'vulkan' | 'metal' | 'off'
  /** CPU threads, 0 for all cores. */
  threads: number
  /** KV cells of a slot, at most; the model's own limit may be lower. */
  contextSize: number
  /** auto: as many as the memory holds, and as stay quick. */
  slots: number | 'auto'
  imageMinTokens: number | null
  imageMaxTokens: number | null
  /** Largest area of a prepared image in pixels. */
  maxPixels: number
  imageCacheBytes: number
}

/** What is known of a model once it is loaded. */
export type ModelInfo = Pick<EngineInfo, 'model' | 'architecture' | 'demo' | 'device' | 'contextSize' | 'slots' | 'plan' | 'vision' | 'tools' | 'temperature'>

/** What changes while the model runs. */
export type WorkerStats = Pick<EngineInfo, 'caches' | 'memory' | 'vram'>

/** An error on its way through the channel: a code of `errors/catalogue.ts` with its arguments, or `ABORTED`. */
export interface WireError {
  code: 'ABORTED' | 'ENGINE_ERROR' | 'IMAGE_EXPIRED' | 'PROMPT_TOO_LONG'
  args: [] | [string] | [number, number]
  details?: Record<string, unknown>
}

/** A request on its way through the channel; for the file of an image the child asks when it needs it. */
export type WireRequest = Omit<GenerateRequest, 'images'> & { images: WireImage[] }
export type WireImage = Omit<EngineImage, 'file'> & { hasFile: boolean }

export type ToWorker =
  | { type: 'load', options: WorkerOptions }
  | { type: 'inspect', id: number, turns: Turn[], tools: Tool[], ids: string[] }
  | { type: 'generate', id: number, request: WireRequest }
  | { type: 'file', id: number, image: number, path: string }
  | { type: 'abort', id: number }
  | { type: 'close' }

/** What happened since the last message, in order: in a step every running answer has a token, and one message carries them all. */
export type FromWorkerBatch = FromWorker[]

export type FromWorker =
  | { type: 'loaded', info: ModelInfo }
  | { type: 'load-failed', message: string }
  | { type: 'download', file: string, done: number, total: number }
  | { type: 'log', level: 'debug' | 'info' | 'warn' | 'error', message: string }
  /** A sign of life while there are no figures yet. */
  | { type: 'alive' }
  | { type: 'stats', stats: WorkerStats }
  | { type: 'inspected', id: number, inspection: Inspection }
  | { type: 'need-file', id: number, image: number }
  | { type: 'event', id: number, event: EngineEvent }
  | { type: 'failed', id: number, error: WireError }
  /** Follows the end of a request when nothing of it is computed any more; after an abort that may be later. */
  | { type: 'released', id: number }
