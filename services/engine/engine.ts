import type { Phrase } from '../../errors/language.ts'

// The interface between the service and its model. Routes, tests and benchmarks use only this interface.
// `local-engine.ts` implements it with a supervised child process, `openai-engine.ts` with other servers.

/** The image sizes that the projector accepts. */
export interface VisionInfo {
  /**
   * Both sides of a prepared image are multiples of this many pixels; one token covers `multiple × multiple` pixels.
   */
  multiple: number
  /** Minimum tokens of one image. */
  minTokens: number
  /** Maximum tokens of one image. */
  maxTokens: number
  /** The unit of coordinates in answers: pixels of the prepared image, or thousandths of its sides. */
  coordinates: 'pixels' | 'grid1000'
}

/** The memory plan. All sizes are bytes. */
export interface MemoryPlan {
  /** The memory that contains the layers. */
  memory: 'vram' | 'ram'
  /** True if the plan selected the number of slots, false if the operator did. */
  auto: boolean
  slots: number
  slotsThatFit: number
  /** KV cells of one sequence. */
  contextSize: number
  /** If false, sequences get fewer cells, or layers run on the CPU. */
  fits: boolean
  total: number
  /** Free memory before anything is loaded. */
  free: number
  /** Part of `free` that must remain free. */
  reserve: number
  weights: number
  projector: number
  /** Additional memory while the largest image is encoded. */
  encoding: number
  /** Memory of a context in addition to its KV cells. */
  compute: number
  /** Memory of the KV cells of one sequence, and of its recurrent state. */
  slot: number
  /** Checkpoints of the recurrent state of one sequence, which are always in RAM. */
  checkpoints: number
  /** Limit of the image cache, which is always in RAM. */
  imageCache: number
  /** Sum of everything that must fit. */
  needed: number
  /** With a GPU: the image cache and all checkpoints. Without one they are part of `needed`, and this is 0. */
  ramBesideGpu: number
  /** With a GPU: RAM that may be used for them. Null if unknown. */
  usableRam: number | null
}

/** A function that the model may ask the client to call. */
export interface Tool {
  /** Letters, digits, `_` and `-`. */
  name: string
  description?: string
  /** JSON schema of the arguments. */
  parameters?: object
}

/** The format of a call in the text of an answer. */
export type ToolSyntax = JsonToolSyntax | XmlToolSyntax

/** A JSON object with `name` and `arguments` between two tags, as Qwen2.5 and Qwen3 write it. */
export interface JsonToolSyntax {
  form: 'json'
  /** The tags, e.g. `<tool_call>` and `</tool_call>`. */
  open: string
  close: string
  /**
   * The text that the template writes before the name, between name and arguments, and after them, including the
   * tags.
   */
  begin: string
  separator: string
  end: string
}

/**
 * `<function=NAME>` with a `<parameter=KEY>` for each argument between two tags, as Qwen3-Coder and Qwen3.5 write it.
 */
export interface XmlToolSyntax {
  form: 'xml'
  open: string
  close: string
}

/** Whether a model thinks before it answers: never, if the request wants it, or always. */
export type ThinkingMode = 'never' | 'optional' | 'always'

export type EngineState = 'starting' | 'ready' | 'restarting' | 'failed' | 'closed'

export interface EngineInfo {
  state: EngineState
  /** Why the engine is not ready; empty if it is ready. */
  reason: Phrase
  /** Display name of the model, e.g. `Qwen3VL-4B-Instruct-Q4_K_M`. Empty until the model is loaded. */
  model: string
  /** GGUF architecture, e.g. `qwen2vl`. */
  architecture: string
  /** True for the tiny embedded demonstration model. */
  demo: boolean
  /** The device of the layers: `cuda`, `vulkan`, `metal` or `cpu`; `upstream` if other servers run the model. */
  device: string
  /** KV cells of one sequence. */
  contextSize: number
  /** Number of requests that can run at the same time. */
  slots: number
  /** Null until the model is loaded, and always if other servers run it. */
  plan: MemoryPlan | null
  /** Null if the model cannot see images. */
  vision: VisionInfo | null
  /** Null if the model's chat template does not support tools. */
  tools: ToolSyntax | null
  /** `optional` if other servers run the model: they do not report it. */
  thinking: ThinkingMode
  /** Default temperature of requests. */
  temperature: number
  /** Number of restarts of the child process since the start of the service; 0 without a child. */
  restarts: number
  /** Process id of the child; null without a child. */
  pid: number | null
  caches: { images: number, imageBytes: number, imageBytesLimit: number }
  /** Resident memory of the child in bytes, 0 while unknown. */
  memory: number
  /** Memory of the GPU in bytes, including that of other processes; 0 without a GPU. */
  vram: { used: number, total: number }
}

/** A part of a turn: text, or an image by its index in the request's `images`. */
export type Part = { type: 'text', text: string } | { type: 'image', image: number }

/** A tool call of an earlier answer, and its result. */
export interface ToolCall<P = Part> {
  name: string
  arguments: object
  result: P[]
}

/** A turn of a conversation. `P` is the type of its parts. */
export interface Turn<P = Part> {
  role: 'system' | 'user' | 'assistant'
  parts: P[]
  /** Tool calls after the text; only for the assistant. */
  calls?: Array<ToolCall<P>>
}

/** An image of a request. */
export interface EngineImage {
  /** Identifies the content, e.g. by its hash: images with the same id are identical. */
  id: string
  /** Size of the original in pixels, upright. */
  original: { width: number, height: number }
  /** Size in pixels as prepared: multiples of `VisionInfo.multiple`. */
  width: number
  height: number
  /**
   * Returns the path of the prepared image. The engine calls it only if it needs the pixels, and then waits until the
   * image is prepared. Absent for an image of an earlier turn, which the engine must have in its cache.
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

/** The format of an answer, as in `response_format` of the OpenAI API. */
export type AnswerFormat =
  | { type: 'json_object' }
  | {
    type: 'json_schema'
    json_schema: { name: string, description?: string, schema: object | boolean, strict?: boolean | null }
  }

export interface GenerateRequest {
  turns: Turn[]
  /** Identifies the client. Prefix reuse is limited to a scope. */
  scope: string
  /** The tools of the prompt. Must be empty if `EngineInfo.tools` is null. */
  tools: Tool[]
  images: EngineImage[]
  /** Limit of the answer. The engine lowers it to the cells that prompt and thoughts leave free. */
  maxTokens: number
  /**
   * Limit of the thoughts before the answer; 0 for none, which is the default. At the limit the engine ends the
   * thoughts, and the model answers. It is lowered so that room is left for the answer.
   */
  thinkingTokens?: number
  /** The field that asks for thoughts, for errors. Absent if the service's own setting does. */
  thinkingField?: string
  /** Strings that end the answer. They do not apply to thoughts. */
  stop: string[]
  /**
   * GBNF with a rule `root` for the answer, without its thoughts; null for free text. `maxTokens` can end the answer
   * before the grammar does.
   */
  grammar: string | null
  /** The source of `grammar`, for upstreams that have their own grammars. */
  format?: AnswerFormat
  /** Alternative source of `grammar`: the answer must be a call of one of these tools. */
  callOneOf?: string[]
  /** The answer ends after its first tool call. */
  singleCall?: boolean
  sampling: Sampling
  /** W3C Trace Context (`traceparent`, `tracestate`) for requests to upstreams. */
  traceHeaders?: Readonly<Record<string, string>>
}

export interface Usage {
  /** All tokens (KV cells) of the prompt, including those of images. */
  promptTokens: number
  imageTokens: number
  /** Prompt tokens that were reused from the KV cache. */
  cachedTokens: number
  /** Tokens of the thoughts. */
  thinkingTokens: number
  /** Tokens of the answer without its thoughts. */
  completionTokens: number
}

export type EngineEvent =
  | { type: 'progress', stage: 'encode' | 'prefill', done: number, total: number }
  /** A piece of the thoughts. All of them come before the first token. */
  | { type: 'thought', text: string }
  | { type: 'token', text: string }
  | {
    type: 'done'
    finishReason: 'stop' | 'length'
    usage: Usage
    /** Milliseconds in each stage, including the time that other answers take in the same batch. */
    timings: { encodeMs: number, prefillMs: number, thinkingMs: number, decodeMs: number, ttftMs: number }
    /** For each image of the request, whether its embedding was cached. */
    cachedImages: boolean[]
  }

/** An image in the engine's cache, as an embedding or, for upstreams, as pixels. */
export interface KnownImage {
  id: string
  /** Size of the original in pixels, upright. */
  original: { width: number, height: number }
  width: number
  height: number
  tokens: number
}

export interface Inspection {
  /**
   * Tokens of the rendered conversation without its images, but including the two tokens around each image, and the
   * tokens that end the thoughts.
   */
  textTokens: number
  /** Those of the requested images that are cached, each in all of its sizes, in any order. */
  known: KnownImage[]
}

export interface Engine {
  /** Settles when the model is loaded for the first time. Rejects with a sentence for the operator. */
  ready (): Promise<void>

  info (): EngineInfo

  /**
   * Renders the conversation with the model's own template and counts its tokens, and looks up images by id.
   * @param thinks the answer begins with thoughts
   * @throws EngineNotReadyError, EngineCrashedError
   */
  inspect (turns: Turn[], tools: Tool[], ids: string[], thinks?: boolean): Promise<Inspection>

  /**
   * Encodes an image while its request is still arriving, behind all answers that encode images. `generate` then uses
   * the embedding, which is kept for it until `signal` fires. Absent in engines that cannot do this.
   * @returns settles when the file is no longer needed; never rejects
   */
  encodeEarly? (image: EngineImage, signal: AbortSignal): Promise<void>

  /**
   * Runs one answer. The iterable ends after `done`, or throws an error of `errors/catalogue.ts`. When `signal`
   * fires, it throws `signal.reason` at once. Uninterruptible work then continues within the engine, but does not
   * need the files.
   */
  generate (request: GenerateRequest, signal: AbortSignal): AsyncIterable<EngineEvent>

  /** Stops the child and frees all memory. */
  close (): Promise<void>
}
