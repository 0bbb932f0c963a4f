import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { ROOT } from '../config/root.ts'

/**
 * The exports of `native/src/addon.cc`. `AddonModel` and `AddonContext` are the types of node-llama-cpp's private
 * `model._model` and `context._ctx`.
 */
export interface Bridge {
  Vision: {
    /**
     * Loads a projector (mmproj GGUF) for a loaded model, on a thread of the pool.
     * Rejects when the file is unreadable, belongs to another model, or does not belong to the Qwen-VL family.
     */
    load (model: AddonModel, path: string, options: VisionOptions): Promise<Vision>
  }
  Cancellation: new () => Cancellation
  Checkpoint: new () => Checkpoint
  /** @throws Error when llama.cpp cannot parse the grammar */
  Sampler: new (model: AddonModel, options: SamplerOptions) => Sampler
  /**
   * Evaluates the tokens of several sequences in as few batches as possible, and samples the next tokens. All calls
   * that use a context run on one thread, in the order of the calls.
   *
   * llama.cpp computes several sequences in one batch only if their numbers ascend without a gap. A gap is filled with
   * one token per missing sequence, which is removed again.
   * @param items in ascending order of their sequences, which must differ
   * @param mostFillers maximum of fillers; if more are necessary, llama.cpp splits the batch instead
   * @param threads CPU threads, at most those of `attachThreads`
   * @param cancellation aborts the evaluation: the call rejects, and the positions of the items and all later ones are
   * removed from the sequences of the batch
   * @returns the next token of each item: `NOT_ASKED` without a sampler, `NONE_LEFT` if the grammar allows no token
   */
  step (
    context: AddonContext, items: StepItem[], mostFillers: number, threads: number, cancellation: Cancellation | null
  ): Promise<Int32Array>
  /**
   * Removes the position `from` and all later ones from a sequence. Returns false and removes nothing if the memory
   * cannot be cut there (see `Rewind`). A cut at position 0 always succeeds.
   */
  forget (context: AddonContext, sequence: number, from: number): Promise<boolean>
  /** Gives a context its own CPU threads, which are never freed. May be called once per context. */
  attachThreads (context: AddonContext, threads: number): void
  /** Receives mtmd's log lines; levels as in ggml: 1 debug, 2 info, 3 warning, 4 error, 5 continuation. */
  setLogger (log: (level: number, text: string) => void): void
  /**
   * Returns llama.cpp's own view of a context, with sizes in tokens. `belongs`: the context was created from the
   * model.
   */
  contextInfo (
    model: AddonModel, context: AddonContext
  ): { belongs: boolean, contextSize: number, batchSize: number, sequences: number, rewind: Rewind }
}

/**
 * How far a sequence can be taken back: to any position (attention layers only), to positions with a checkpoint
 * (recurrent layers, also if only some layers are recurrent), or not at all (sliding window).
 */
export type Rewind = 'anywhere' | 'checkpoints' | 'never'

export interface VisionOptions {
  gpu: boolean
  threads: number
  /** Limits of mtmd's own resizing, in tokens of one image; -1 for the projector's defaults. */
  minTokens: number
  maxTokens: number
  /** Encode on the decoding lane, so that encoding and decoding never run at the same time. */
  sharesLane: boolean
}

/** All fields are required. Neutral values disable a sampler. */
export interface SamplerOptions {
  /** 0 always selects the most likely token. */
  temperature: number
  /** 0 to keep all tokens. */
  topK: number
  /** 1 to keep all tokens. */
  topP: number
  /** 0 to keep all tokens. */
  minP: number
  /** Unsigned 32-bit integer. */
  seed: number
  /** Number of previous tokens of the answer that the penalties cover. */
  penaltyWindow: number
  /** 1 for no penalty. */
  repeatPenalty: number
  frequencyPenalty: number
  presencePenalty: number
  /** GBNF with a rule `root`, or null. */
  grammar: string | null
}

declare const sampler: unique symbol
/** Chooses the tokens of one answer. Its state covers the previous tokens, for the penalties and the grammar. */
export interface Sampler { [sampler]: true }

/** Aborts an evaluation on CPUs, after the current node of the graph. */
export interface Cancellation {
  cancel (): void
}

/**
 * A copy of the recurrent state of a sequence, in RAM. Its size depends on the model, not on the length of the
 * sequence. The buffer is kept for the next `save` until `dispose`.
 */
export interface Checkpoint {
  /** Size of the buffer; 0 before the first `save` and after `dispose`. */
  readonly bytes: number
  /** Replaces the content by the current state of a sequence, on the decoding lane. */
  save (context: AddonContext, sequence: number): Promise<void>
  /**
   * Takes a sequence back to the state of the last `save`, on the decoding lane, and removes the position `from`, which
   * was the next one at that time, and all later ones.
   */
  restore (context: AddonContext, sequence: number, from: number): Promise<void>
  dispose (): void
}

export interface StepItem {
  /** Number of the sequence in its context. */
  sequence: number
  /** Position of the first token. */
  position: number
  /** At least one token, at most as many as a batch. */
  tokens: number[]
  /** Null to evaluate without sampling. */
  sampler: Sampler | null
}

/** Result of a step for an item without a sampler. */
export const NOT_ASKED = -1
/** Result of a step if the grammar allows no token. */
export const NONE_LEFT = -2

export interface Vision {
  /**
   * Encodes one image on the encoding lane, without a context. One call runs at a time; a second one throws.
   * @param rgb `height × width × 3` bytes, rows from the top
   * @param threads CPU threads at the beginning of this encoding
   */
  encode (rgb: Uint8Array, width: number, height: number, threads: number): Promise<EncodedImage>
  /** Changes the CPU threads of the running encoding within some tens of milliseconds. No effect on a GPU. */
  setThreads (threads: number): void
  /** Aborts the running encoding, which rejects within some tens of milliseconds, or at its end on a GPU. */
  cancel (): void
  dispose (): void
}

/** An encoded image: embeddings and M-RoPE positions. Any number of sequences can decode it. */
export interface EncodedImage {
  /** Number of tokens, which is also the number of KV cells. */
  readonly tokens: number
  /** Number of positions in a sequence: with M-RoPE `max(columns, rows)`, which is less than `tokens`. */
  readonly span: number
  /** Memory of the embeddings in bytes. */
  readonly bytes: number
  /**
   * Decodes the tokens `offset … offset + count - 1` into a sequence, on the decoding lane.
   * @param position position of the image's first token (not the slice's) in the sequence
   * @param cancellation aborts the slice: the call rejects, and `position` and all later positions are removed from the
   * sequence
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
 * Loads the bridge for the variant of llama.cpp that node-llama-cpp has loaded.
 * @param gpu node-llama-cpp's `llama.gpu`
 * @throws Error when the bridge is not built for that variant
 */
export async function loadBridge (gpu: 'cuda' | 'vulkan' | 'metal' | false): Promise<Bridge> {
  const variant = gpu === false ? 'cpu' : gpu
  const file = path.join((await locate()).dir, `vision-${variant}.node`)
  if (!existsSync(file)) throw new Error(`The vision bridge is not built for ${variant}; run "npm run postinstall"`)
  return createRequire(import.meta.url)(file) as Bridge
}

/**
 * Returns the reference program of the tests, the folder of the CPU libraries that it loads, and the folder of the chat
 * templates that llama.cpp contains.
 */
export async function referenceProgram (): Promise<{ program: string, libraries: string, templates: string }> {
  const { dir, variants } = await locate()
  const cpu = variants.find(variant => variant.name === 'cpu')
  if (!cpu) throw new Error('No CPU build of llama.cpp is installed')
  return { program: path.join(dir, 'reference'), libraries: cpu.bins, templates: path.join(dir, 'templates') }
}
