import type { Phrase } from '../../errors/language.ts'

/**
 * What the rest of the service knows of a model. Routes, tests and benchmarks talk to this interface and to nothing
 * behind it; `local-engine.ts` implements it with a supervised child process, `openai-engine.ts` with servers elsewhere.
 */

/** What the loaded projector wants of an image. */
export interface VisionInfo {
  /** Both sides of a prepared image are multiples of this many pixels; one token covers `multiple × multiple` pixels. */
  multiple: number
  /** Fewest tokens of one image. */
  minTokens: number
  /** Most tokens of one image. */
  maxTokens: number
  /** What the numbers mean with which the model points: pixels of the prepared image, or thousandths of its sides. */
  coordinates: 'pixels' | 'grid1000'
}

/** How the memory is shared out; all sizes in bytes. */
export interface MemoryPlan {
  /** Where the layers lie. */
  memory: 'vram' | 'ram'
  /** The slots were chosen by this plan, not by the operator. */
  auto: boolean
  slots: number
  slotsThatFit: number
  /** KV cells of a slot. */
  contextSize: number
  /** All of it fits; otherwise slots get fewer cells, or layers run on the CPU. */
  fits: boolean
  total: number
  /** Before anything was loaded. */
  free: number
  /** Of what is free, how much stays so. */
  reserve: number
  weights: number
  projector: number
  /** While the largest image is encoded. */
  encoding: number
  /** What a context takes beside its cells. */
  compute: number
  /** The KV cells of one slot. */
  slot: number
  /** Limit of the embeddings that are kept, in the ordinary memory. */
  imageCache: number
  /** All that must fit. */
  needed: number
}

/** A function that the model may ask the client to call. */
export interface Tool {
  /** Letters, digits, `_` and `-`. */
  name: string
  description?: string
  /** JSON schema of the arguments. */
  parameters?: object
}

/** How a call looks in the text of an answer: a JSON object with `name` and `arguments` between two tags. */
export interface ToolSyntax {
  /** The tags, e.g. `<tool_call>` and `</tool_call>`. */
  open: string
  close: string
  /** What the template itself writes before the name, between it and the arguments, and after them; the tags included. */
  begin: string
  separator: string
  end: string
}

export type EngineState = 'starting' | 'ready' | 'restarting' | 'failed' | 'closed'

export interface EngineInfo {
  state: EngineState
  /** Why the engine is not ready; empty when it is. */
  reason: Phrase
  /** The model's name for people, e.g. `Qwen3VL-4B-Instruct-Q4_K_M`. Empty until the model is loaded. */
  model: string
  /** GGUF architecture, e.g. `qwen2vl`. */
  architecture: string
  /** True for the tiny embedded demonstration model. */
  demo: boolean
  /** Where the layers run: `cuda`, `vulkan`, `metal`, `cpu`, or `upstream` when that is somebody else's matter. */
  device: string
  /** KV cells of one slot. */
  contextSize: number
  /** Sequences that generate side by side. */
  slots: number
  /** Null until the model is loaded, and where it runs elsewhere. */
  plan: MemoryPlan | null
  /** Null when the model cannot see. */
  vision: VisionInfo | null
  /** Null when the model's chat template knows no tools. */
  tools: ToolSyntax | null
  /** Temperature when a request names none. */
  temperature: number
  /** How often the child was restarted since the start of the service; 0 where there is none. */
  restarts: number
  /** Process id of the child, null while there is none. */
  pid: number | null
  caches: { images: number, imageBytes: number, imageBytesLimit: number }
  /** Resident memory of the child in bytes, 0 while unknown. */
  memory: number
  /** Memory of the GPU in bytes, whoever uses it; 0 without one. */
  vram: { used: number, total: number }
}

/** A part of a turn: text, or an image by its index in the request's `images`. */
export type Part = { type: 'text', text: string } | { type: 'image', image: number }

/** A call that the model asked for in an earlier answer, and what came of it. */
export interface ToolCall<P = Part> {
  name: string
  arguments: object
  result: P[]
}

/** What one of those who talk said. `P`: how its images are named. */
export interface Turn<P = Part> {
  role: 'system' | 'user' | 'assistant'
  parts: P[]
  /** Only of the assistant, after its text. */
  calls?: Array<ToolCall<P>>
}

/** An image whose pixels (or embedding) the engine is to use. */
export interface EngineImage {
  /** Names the content, e.g. by its hash: two images with one id are the same. */
  id: string
  /** Upright size in pixels of what the client sent. */
  original: { width: number, height: number }
  /** Size in pixels as prepared: multiples of `VisionInfo.multiple`. */
  width: number
  height: number
  /**
   * Path of the prepared image. Called when the engine comes to need its pixels, which may be never; it may have to wait for them.
   * Absent for an image of an earlier turn, whose embedding the engine still has.
   */
  file?: () => Promise<string>
}

export interface Sampling {
  temperature?: number
  topP?: number
  topK?: number
  minP?: number
  repeatPenalty?: number
  frequencyPenalty?: number
  presencePenalty?: number
  seed?: number
}

/** The shape that an answer is to have, as OpenAI's `response_format` says it. */
export type AnswerFormat =
  | { type: 'json_object' }
  | {
    type: 'json_schema'
    json_schema: { name: string, description?: string, schema: object | boolean, strict?: boolean | null }
  }

export interface GenerateRequest {
  turns: Turn[]
  /** Who asks. An answer may go on from what an earlier one left in memory, but only within a scope. */
  scope: string
  /** What the prompt offers to call; only where `EngineInfo.tools` says how. */
  tools: Tool[]
  images: EngineImage[]
  /** Upper bound; the engine lowers it to the cells that the prompt leaves free. */
  maxTokens: number
  stop: string[]
  /** GBNF with rule `root` that the answer obeys, as far as `maxTokens` lets it come; null: free text. */
  grammar: string | null
  /** What `grammar` was made from, for an engine that has grammars of its own. */
  format?: AnswerFormat
  /** Or these: the answer is to be a call of one of them. */
  callOneOf?: string[]
  /** The answer ends with its first tool call. */
  singleCall?: boolean
  sampling: Sampling
  /** W3C Trace Context (`traceparent`, `tracestate`), for servers elsewhere that the engine asks. */
  traceHeaders?: Readonly<Record<string, string>>
}

export interface Usage {
  /** All tokens (KV cells) of the prompt, those of images included. */
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
    /** For each image of the request, whether its embedding was already there. */
    cachedImages: boolean[]
  }

/** An image that the engine still holds the embedding of (or the pixels, where it sends them elsewhere). */
export interface KnownImage {
  id: string
  /** Upright size in pixels of what the client sent. */
  original: { width: number, height: number }
  width: number
  height: number
  tokens: number
}

export interface Inspection {
  /** Tokens of the rendered conversation without its images, but with the two tokens that enclose each image. */
  textTokens: number
  /** The asked-for images that are still cached, in no particular order. */
  known: KnownImage[]
}

export interface Engine {
  /** Settles with the first loading of the model; rejects with a sentence for the operator. */
  ready (): Promise<void>

  info (): EngineInfo

  /**
   * Renders the conversation with the model's own template and counts its tokens, and looks up images by id.
   * @throws EngineNotReadyError, EngineCrashedError
   */
  inspect (turns: Turn[], tools: Tool[], ids: string[]): Promise<Inspection>

  /**
   * Runs one answer. The iterable ends after `done`, or throws an error of `errors/catalogue.ts`. When `signal` fires it throws
   * `signal.reason` at once: what cannot be interrupted goes on within the engine, and needs none of the files.
   */
  generate (request: GenerateRequest, signal: AbortSignal): AsyncIterable<EngineEvent>

  /** Stops the child and frees everything. */
  close (): Promise<void>
}
