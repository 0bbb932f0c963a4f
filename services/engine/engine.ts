/**
 * What the rest of the service knows of a model. Routes, tests and benchmarks talk to this interface and to nothing
 * behind it; `local-engine.ts` implements it with a supervised child process.
 */

/** What the loaded projector wants of a picture. */
export interface VisionInfo {
  /** Both sides of a prepared picture are multiples of this many pixels; one token covers `multiple × multiple` pixels. */
  multiple: number
  /** Fewest tokens of one picture. */
  minTokens: number
  /** Most tokens of one picture. */
  maxTokens: number
}

export type EngineState = 'starting' | 'ready' | 'restarting' | 'failed' | 'closed'

export interface EngineInfo {
  state: EngineState
  /** Why the engine is not ready; empty when it is. */
  reason: string
  /** The model's name for people, e.g. `Qwen3VL-4B-Instruct-Q4_K_M`. Empty until the model is loaded. */
  model: string
  /** GGUF architecture, e.g. `qwen2vl`. */
  architecture: string
  /** True for the tiny embedded demonstration model. */
  demo: boolean
  /** Where the layers run: `cuda`, `vulkan`, `metal` or `cpu`. */
  device: string
  /** KV cells of one slot. */
  contextSize: number
  /** Sequences that generate side by side. */
  slots: number
  /** Null when the model cannot see. */
  vision: VisionInfo | null
  /** Temperature when a request names none. */
  temperature: number
  /** How often the child was restarted since the start of the service. */
  restarts: number
  /** Process id of the child, null while there is none. */
  pid: number | null
  caches: { images: number, imageBytes: number, imageBytesLimit: number }
  /** Resident memory of the child in bytes, 0 while unknown. */
  memory: number
}

/** A part of a turn: text, or a picture by its index in the request's `images`. */
export type Part = { type: 'text', text: string } | { type: 'image', image: number }

export interface Turn {
  role: 'system' | 'user' | 'assistant'
  parts: Part[]
}

/** A picture whose pixels (or embedding) the engine is to use. */
export interface EngineImage {
  /** `sha256:<64 hex digits>` of the bytes that the client sent. */
  id: string
  /** Size in pixels as prepared: multiples of `VisionInfo.multiple`. */
  width: number
  height: number
  /** File with the prepared picture; absent for a picture of an earlier turn, whose embedding the engine still has. */
  path?: string
}

export interface Sampling {
  temperature?: number
  topP?: number
  topK?: number
  minP?: number
  repeatPenalty?: number
  seed?: number
}

export interface GenerateRequest {
  turns: Turn[]
  images: EngineImage[]
  /** Upper bound; the engine lowers it to the cells that the prompt leaves free. */
  maxTokens: number
  stop: string[]
  sampling: Sampling
}

export interface Usage {
  /** All tokens (KV cells) of the prompt, those of pictures included. */
  promptTokens: number
  imageTokens: number
  /** Prompt tokens that were not evaluated again. */
  cachedTokens: number
  completionTokens: number
}

export type EngineEvent =
  | { type: 'progress', stage: 'encode' | 'prefill', done: number, total: number }
  | { type: 'token', text: string }
  | {
    type: 'done'
    finishReason: 'stop' | 'length'
    usage: Usage
    /** Milliseconds spent in each stage, waiting for other slots included. */
    timings: { encodeMs: number, prefillMs: number, decodeMs: number, ttftMs: number }
    /** For each picture of the request, whether its embedding was already there. */
    cachedImages: boolean[]
  }

/** A picture that the engine still holds the embedding of. */
export interface KnownImage {
  id: string
  width: number
  height: number
  tokens: number
}

export interface Inspection {
  /** Tokens of the rendered conversation without its pictures, but with the two tokens that enclose each picture. */
  textTokens: number
  /** The asked-for pictures that are still cached, in no particular order. */
  known: KnownImage[]
}

export interface Engine {
  /** Settles with the first loading of the model; rejects with a sentence for the operator. */
  ready (): Promise<void>

  info (): EngineInfo

  /**
   * Renders the conversation with the model's own template and counts its tokens, and looks up pictures by id.
   * @throws EngineNotReadyError, EngineCrashedError
   */
  inspect (turns: Turn[], ids: string[]): Promise<Inspection>

  /**
   * Runs one answer. The iterable ends after `done`, or throws an error of `errors.ts`. It settles only when the engine
   * has let go of the request's files and slot, also after `signal` fired; then it throws `signal.reason`.
   */
  generate (request: GenerateRequest, signal: AbortSignal): AsyncIterable<EngineEvent>

  /** Stops the child and frees everything. */
  close (): Promise<void>
}
