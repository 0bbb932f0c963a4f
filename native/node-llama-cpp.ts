import type { LlamaContext, LlamaModel } from 'node-llama-cpp'
import type { AddonContext, AddonModel, Bridge, Cancellation, EncodedImage, StepItem } from './vision.ts'

/**
 * Every access to what node-llama-cpp keeps private: the objects behind its models and contexts. Tied to the exact version in package.json;
 * `Decoder` checks before it decodes that they are of the classes for which the bridge was compiled.
 */
export function addonModel (model: LlamaModel): AddonModel {
  return (model as unknown as { _model: AddonModel })._model
}

function addonContext (context: LlamaContext): AddonContext {
  return (context as unknown as { _ctx: AddonContext })._ctx
}

/** The bridge's errors for what was given up. */
const CANCELLED = /was cancelled$/

/**
 * Decodes on a context of node-llama-cpp, which itself decodes nothing there: its sequences and their books are not used. Calls run one
 * after the other.
 */
export class Decoder {
  readonly #bridge: Bridge
  readonly #ctx: AddonContext
  readonly #sequences: number
  readonly #onGpu: boolean
  /** CPU threads of the next decoding; less while something else computes. */
  threads: number

  /**
   * @param threads CPU threads that a decoding may ever take
   * @throws Error when a pointer or a size is not what the bridge was compiled for
   */
  constructor (bridge: Bridge, model: LlamaModel, context: LlamaContext, threads: number) {
    this.#bridge = bridge
    this.#ctx = addonContext(context)
    this.#sequences = context.totalSequences
    this.#onGpu = model.llama.gpu !== false
    this.threads = threads
    const info = bridge.contextInfo(addonModel(model), this.#ctx)
    const faults = [
      !info.belongs && 'the context does not point to its model',
      info.contextSize !== context.getAllocatedContextSize() &&
        `the context has ${info.contextSize} cells, not ${context.getAllocatedContextSize()}`,
      info.batchSize !== context.batchSize &&
        `the context takes batches of ${info.batchSize} tokens, not ${context.batchSize}`,
      info.sequences !== this.#sequences && `the context has ${info.sequences} sequences, not ${this.#sequences}`
    ].filter(Boolean)
    if (faults.length > 0) {
      throw new Error(`The vision bridge does not match the installed node-llama-cpp: ${faults.join('; ')}`)
    }
    bridge.attachThreads(this.#ctx, threads)
  }

  /**
   * Evaluates tokens of several sequences together, none twice, and samples what follows.
   * @returns for each item the next token; `NOT_ASKED` without a sampler, `NONE_LEFT` where the grammar allows none
   * @throws Error of llama.cpp; what the sequences hold is unknown then
   */
  async step (items: StepItem[]): Promise<number[]> {
    // A batch that falls apart reads the weights once more. To a card only that counts; a processor also feels each filler (8 slots on two cores,
    // answers in 0, 2, 3, 5 and 7: 61 instead of 92 ms a step; in 0, 3 and 4 no difference).
    const mostFillers = this.#onGpu ? this.#sequences : items.length - 1
    const order = items.map((_, index) => index).sort((a, b) => items[a]!.sequence - items[b]!.sequence)
    const ascending = order.map(index => items[index]!)
    const sorted = await this.#bridge.step(this.#ctx, ascending, mostFillers, this.threads, null)
    const tokens = new Array<number>(items.length)
    for (const [place, index] of order.entries()) tokens[index] = sorted[place]!
    return tokens
  }

  /**
   * Evaluates a piece of text without asking for a next token. On CPUs an abort gives it up within a node of the
   * graph, and the sequence holds nothing from `position` on.
   * @param tokens at most the context's batch size
   * @throws the reason of `signal`; Error of llama.cpp
   */
  async decodeText (sequence: number, position: number, tokens: number[], signal: AbortSignal): Promise<void> {
    await this.#cancellable(signal, async cancellation => {
      await this.#bridge.step(this.#ctx, [{ sequence, position, tokens, sampler: null }], 0, this.threads, cancellation)
    })
  }

  /**
   * Decodes a slice of an image. On CPUs an abort gives it up within a node of the graph, and the sequence holds
   * nothing from `position` on.
   * @param position where the image (not the slice) starts in the sequence
   * @param offset first token of the slice within the image
   * @param count tokens of the slice, at most the context's batch size
   * @throws the reason of `signal`; Error of llama.cpp
   */
  async decodeImage (
    sequence: number, position: number, image: EncodedImage, offset: number, count: number, signal: AbortSignal
  ): Promise<void> {
    await this.#cancellable(signal, async cancellation => {
      await image.decode(this.#ctx, sequence, position, offset, count, this.threads, cancellation)
    })
  }

  /** On a GPU a batch that runs is left to its end: it is short there, and llama.cpp cannot stop it. */
  async #cancellable (signal: AbortSignal, run: (cancellation: Cancellation | null) => Promise<void>): Promise<void> {
    signal.throwIfAborted()
    const cancellation = this.#onGpu ? null : new this.#bridge.Cancellation()
    const cancel = () => cancellation?.cancel()
    signal.addEventListener('abort', cancel, { once: true })
    try {
      await run(cancellation)
    } catch (error) {
      // After an error of llama.cpp nobody knows what the sequence holds; after an abort that is known.
      throw signal.aborted && CANCELLED.test((error as Error).message) ? signal.reason : error
    } finally {
      signal.removeEventListener('abort', cancel)
    }
  }

  /**
   * Forgets what a sequence holds from a position on, which must not lie inside an image. All cells of an image carry the position at
   * which it starts, so none of them is left behind.
   * @returns false when the memory cannot; from 0 on it always can
   */
  async forget (sequence: number, from: number): Promise<boolean> {
    return await this.#bridge.forget(this.#ctx, sequence, from)
  }
}
