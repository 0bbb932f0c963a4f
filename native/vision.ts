import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { ROOT } from '../config/root.ts'

/**
 * The bridge as JavaScript sees it: everything that `native/src/addon.cc` exports, typed.
 * `AddonModel` and `AddonContext` are what stands behind node-llama-cpp's `model._model` and `context._ctx`.
 */
export interface Bridge {
  Vision: {
    /**
     * Loads a projector (mmproj GGUF) for a loaded model, on a thread of the pool.
     * Rejects when the file is unreadable, belongs to another model, or is not of the Qwen-VL family's kind.
     */
    load (model: AddonModel, path: string, options: VisionOptions): Promise<Vision>
  }
  Cancellation: new () => Cancellation
  /** @throws Error when llama.cpp cannot parse the grammar */
  Sampler: new (model: AddonModel, options: SamplerOptions) => Sampler
  /**
   * Evaluates the tokens of several sequences in as few batches as they fit, and samples what follows. Whatever touches a context runs on one
   * thread, in the order in which it was asked for.
   *
   * llama.cpp computes sequences in one batch only while their numbers ascend without a gap. A gap is filled with a token for each missing
   * sequence, which is forgotten again.
   * @param items in ascending order of their sequences, which must differ
   * @param mostFillers where it would take more of them, the batch falls apart instead
   * @param threads CPU threads, at most those of `attachThreads`
   * @param cancellation gives the evaluation up: it rejects, and the sequences of the batch hold nothing from their
   * items' positions on
   * @returns for each item the next token; `NOT_ASKED` without a sampler, `NONE_LEFT` where the grammar allows none
   */
  step (
    context: AddonContext, items: StepItem[], mostFillers: number, threads: number, cancellation: Cancellation | null
  ): Promise<Int32Array>
  /**
   * Forgets a sequence's positions from `from` on. False, and nothing forgotten, where the memory cannot do that and leave the rest usable
   * (recurrent, sliding window); from 0 on it always can.
   */
  forget (context: AddonContext, sequence: number, from: number): Promise<boolean>
  /** Gives a context CPU threads that stay, once. */
  attachThreads (context: AddonContext, threads: number): void
  /** Receives mtmd's log lines; levels as in ggml: 1 debug, 2 info, 3 warning, 4 error, 5 continuation. */
  setLogger (log: (level: number, text: string) => void): void
  /** How llama.cpp itself sees a context; sizes in tokens. */
  contextInfo (
    model: AddonModel, context: AddonContext
  ): { belongs: boolean, contextSize: number, batchSize: number, sequences: number }
}

export interface VisionOptions {
  gpu: boolean
  threads: number
  /** Limits of mtmd's own resizing, in tokens of one image; -1 leaves the projector's defaults. */
  minTokens: number
  maxTokens: number
  /** Encode on the thread on which contexts decode, because the two must not run at the same time. */
  sharesLane: boolean
}

/** Every field is needed. Neutral values switch a part off. */
export interface SamplerOptions {
  /** 0 always takes the likeliest token. */
  temperature: number
  /** 0: all tokens. */
  topK: number
  /** 1: all tokens. */
  topP: number
  /** 0: all tokens. */
  minP: number
  /** 32 bits, unsigned. */
  seed: number
  /** How many tokens of the answer the penalties look back. */
  penaltyWindow: number
  /** 1: none. */
  repeatPenalty: number
  frequencyPenalty: number
  presencePenalty: number
  /** GBNF with a rule `root`. */
  grammar: string | null
}

declare const sampler: unique symbol
/** Chooses the tokens of one answer, and remembers them for the penalties and the grammar. */
export interface Sampler { [sampler]: true }

/** Gives up an evaluation, after the node of the graph that is being computed. For CPUs only. */
export interface Cancellation {
  cancel (): void
}

export interface StepItem {
  /** Number of the sequence in its context. */
  sequence: number
  /** Of the first token. */
  position: number
  /** At least one, at most a batch. */
  tokens: number[]
  /** Null when no token is asked for. */
  sampler: Sampler | null
}

/** Results of a step that are no tokens. */
export const NOT_ASKED = -1
export const NONE_LEFT = -2

export interface Vision {
  /**
   * Encodes one image on a thread of its own; needs no context. One call at a time, a second one throws.
   * @param rgb `height × width × 3` bytes, rows from the top
   * @param threads CPU threads of this encoding, to begin with
   */
  encode (rgb: Uint8Array, width: number, height: number, threads: number): Promise<EncodedImage>
  /** Changes the CPU threads of the encoding that runs, within some tens of milliseconds. No effect on a GPU. */
  setThreads (threads: number): void
  /** Gives up the encoding that runs, within some tens of milliseconds: it rejects. On a GPU it goes on to its end and rejects then. */
  cancel (): void
  dispose (): void
}

/** An encoded image: embeddings and M-RoPE positions. Any number of sequences may decode it. */
export interface EncodedImage {
  /** KV cells. */
  readonly tokens: number
  /** Positions that it takes in a sequence: `max(columns, rows)` with M-RoPE, which is fewer than `tokens`. */
  readonly span: number
  /** Memory of the embeddings. */
  readonly bytes: number
  /**
   * Decodes tokens `offset … offset + count - 1` into a sequence, on the thread on which contexts decode.
   * @param position where the image (not the slice) starts in the sequence
   * @param cancellation gives the slice up: it rejects, and the sequence holds nothing from `position` on
   */
  decode (
    context: AddonContext, sequence: number, position: number, offset: number, count: number, threads: number,
    cancellation: Cancellation | null
  ): Promise<void>
  dispose (): void
}

declare const addonModel: unique symbol
declare const addonContext: unique symbol
export interface AddonModel { [addonModel]: true }
export interface AddonContext { [addonContext]: true }

interface Location { dir: string, variants: Array<{ name: string, bins: string }> }

async function locate (): Promise<Location> {
  const build = await import(pathToFileURL(path.join(ROOT, 'native/build.mjs')).href) as { locate (): Location }
  return build.locate()
}

/**
 * Loads the bridge that is linked to the variant of llama.cpp which node-llama-cpp has loaded already.
 * @param gpu node-llama-cpp's `llama.gpu`
 * @throws Error when it was not built for that variant
 */
export async function loadBridge (gpu: 'cuda' | 'vulkan' | 'metal' | false): Promise<Bridge> {
  const variant = gpu === false ? 'cpu' : gpu
  const file = path.join((await locate()).dir, `vision-${variant}.node`)
  if (!existsSync(file)) throw new Error(`The vision bridge is not built for ${variant}; run "npm run postinstall"`)
  return createRequire(import.meta.url)(file) as Bridge
}

/** The reference program of the tests and the CPU libraries that it loads. */
export async function referenceProgram (): Promise<{ program: string, libraries: string }> {
  const { dir, variants } = await locate()
  const cpu = variants.find(variant => variant.name === 'cpu')
  if (!cpu) throw new Error('No CPU build of llama.cpp is installed')
  return { program: path.join(dir, 'reference'), libraries: cpu.bins }
}
