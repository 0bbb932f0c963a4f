import type { EngineEvent, EngineImage, EngineInfo, GenerateRequest, Inspection, Tool, Turn } from '../engine.ts'
import type { LogLevel } from './log.ts'

/** The settings for loading a model. Sent once, right after the start of the child. */
export interface WorkerOptions {
  model: string
  mmproj: string
  modelsDir: string
  gpu: 'auto' | 'cuda' | 'vulkan' | 'metal' | 'off'
  flashAttention: 'auto' | 'on' | 'off'
  /** CPU threads; 0 for all cores. */
  threads: number
  /** Maximum of KV cells per sequence; the model's own limit can be lower. */
  contextSize: number
  /** Number of sequences. `auto`: the memory plan selects it. */
  slots: number | 'auto'
  imageMinTokens: number | null
  imageMaxTokens: number | null
  /** Maximum area of a prepared image, in pixels. */
  maxPixels: number
  imageCacheBytes: number
}

/** Properties of a loaded model. */
export type ModelInfo = Pick<
  EngineInfo,
  'model' | 'architecture' | 'demo' | 'device' | 'contextSize' | 'slots' | 'plan' | 'vision' | 'tools' | 'thinking' |
  'temperature'
>

/** Measurements that change while the model runs. */
export type WorkerStats = Pick<EngineInfo, 'caches' | 'memory' | 'vram'>

/** A serialised error: a code of `errors/catalogue.ts` with the arguments of its sentence, or `ABORTED`. */
export interface WireError {
  code: 'ABORTED' | 'ENGINE_ERROR' | 'IMAGE_EXPIRED' | 'PROMPT_REFUSED' | 'PROMPT_TOO_LONG'
  args: [] | [string] | [number, number]
  details?: Record<string, unknown>
}

/** A serialised request. The child requests the file of an image with `need-file` when it needs it. */
export type WireRequest = Omit<GenerateRequest, 'images'> & { images: WireImage[] }
export type WireImage = Omit<EngineImage, 'file'> & { hasFile: boolean }

export type ToWorker =
  | { type: 'load', options: WorkerOptions }
  | { type: 'inspect', id: number, turns: Turn[], tools: Tool[], ids: string[], thinks: boolean }
  | { type: 'generate', id: number, request: WireRequest }
  /** Encodes an image whose request is still arriving. The embedding is kept until `abort`. */
  | { type: 'encode', id: number, image: Omit<EngineImage, 'file'>, path: string }
  | { type: 'file', id: number, image: number, path: string }
  | { type: 'abort', id: number }
  | { type: 'close' }

/**
 * All events of one turn of the event loop, in order. A step yields a token per answer, and one message carries them
 * all.
 */
export type FromWorkerBatch = FromWorker[]

export type FromWorker =
  | { type: 'loaded', info: ModelInfo }
  | { type: 'load-failed', message: string }
  | { type: 'download', file: string, done: number, total: number }
  | { type: 'log', level: LogLevel, message: string, details?: object }
  /** Shows that the child responds while it loads and has no measurements. */
  | { type: 'alive' }
  | { type: 'stats', stats: WorkerStats }
  | { type: 'inspected', id: number, inspection: Inspection }
  /** The file of an `encode` is no longer needed; says nothing about success. */
  | { type: 'encoded', id: number }
  | { type: 'need-file', id: number, image: number }
  | { type: 'event', id: number, event: EngineEvent }
  | { type: 'failed', id: number, error: WireError }
  /** The computation of a request has ended. After an abort, this can be later than `failed`. */
  | { type: 'released', id: number }
