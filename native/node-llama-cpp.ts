import type { LlamaContext, LlamaModel } from 'node-llama-cpp'
import type {
  AddonContext, AddonModel, Bridge, Cancellation, Checkpoint, EncodedImage, Rewind, StepItem
} from './vision.ts'

// The only access to private members of node-llama-cpp in JavaScript. It works only with the exact version in
// package.json; `Decoder` checks that the objects match the classes for which the bridge was compiled.

export function addonModel (model: LlamaModel): AddonModel {
  return (model as unknown as { _model: AddonModel })._model
}

function addonContext (context: LlamaContext): AddonContext {
  return (context as unknown as { _ctx: AddonContext })._ctx
}

/** Matches the bridge's errors for cancelled work. */
const CANCELLED = /was cancelled$/

/**
 * Decodes on a context of node-llama-cpp. node-llama-cpp itself must not decode on it, so its own sequences are not
 * used. Calls run one after the other.
 */
export class Decoder {
  readonly #bridge: Bridge
  readonly #ctx: AddonContext
  readonly #sequences: number
  readonly #onGpu: boolean
  readonly rewind: Rewind
  /**
   * Whether the tokens of an answer must not depend on the part of its prompt that was reused. CPUs can do this without
   * flash attention: only one row differs from several rows then, because ggml multiplies it with another kernel.
   */
  readonly reproducible: boolean
  /** CPU threads of the next decoding; fewer while images are encoded. */
  threads: number

  /**
   * @param options.threads maximum of CPU threads for a decoding
   * @throws Error when a pointer or a size does not match the classes for which the bridge was compiled
   */
  constructor (
    bridge: Bridge, model: LlamaModel, context: LlamaContext,
    { threads, reproducible }: { threads: number, reproducible: boolean }
  ) {
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
    this.rewind = info.rewind
    this.reproducible = reproducible
    bridge.attachThreads(this.#ctx, threads)
  }

  /**
   * Evaluates tokens of several sequences in one batch and samples their next tokens.
   * @param items one item per sequence, in any order
   * @returns the next token of each item: `NOT_ASKED` without a sampler, `NONE_LEFT` if the grammar allows no token
   * @throws Error of llama.cpp; the content of the sequences is unknown then
   */
  async step (items: StepItem[]): Promise<number[]> {
    // Splitting a batch reads the weights again, which takes most of the time on GPUs. On CPUs each filler costs time
    // too (8 sequences on two cores, answers in 0, 2, 3, 5 and 7: 61 ms per step instead of 92; answers in 0, 3 and 4:
    // no difference).
    const mostFillers = this.#onGpu ? this.#sequences : items.length - 1
    // llama.cpp is fastest if the sequences of a batch ascend (8 answers on two cores: 60 ms per step, not 157 ms).
    const order = items.map((_, index) => index).sort((a, b) => items[a]!.sequence - items[b]!.sequence)
    const ascending = order.map(index => items[index]!)
    const sorted = await this.#bridge.step(this.#ctx, ascending, mostFillers, this.threads, null)
    const tokens = new Array<number>(items.length)
    for (const [place, index] of order.entries()) tokens[index] = sorted[place]!
    return tokens
  }

  /**
   * Evaluates text without sampling a next token. On CPUs, an abort takes effect after the current node of the graph
   * and removes `position` and all later positions from the sequence.
   * @param tokens at most the context's batch size
   * @throws the reason of `signal`; Error of llama.cpp
   */
  async decodeText (sequence: number, position: number, tokens: number[], signal: AbortSignal): Promise<void> {
    await this.#cancellable(signal, async cancellation => {
      await this.#bridge.step(this.#ctx, [{ sequence, position, tokens, sampler: null }], 0, this.threads, cancellation)
    })
  }

  /**
   * Decodes a slice of an image. On CPUs, an abort takes effect after the current node of the graph and removes
   * `position` and all later positions from the sequence.
   * @param position position of the image's first token (not the slice's) in the sequence
   * @param offset index of the slice's first token within the image
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

  /** On a GPU, a running batch is not cancelled: llama.cpp cannot stop it there, and it is short. */
  async #cancellable (signal: AbortSignal, run: (cancellation: Cancellation | null) => Promise<void>): Promise<void> {
    signal.throwIfAborted()
    const cancellation = this.#onGpu ? null : new this.#bridge.Cancellation()
    const cancel = () => cancellation?.cancel()
    signal.addEventListener('abort', cancel, { once: true })
    try {
      await run(cancellation)
    } catch (error) {
      // The content of the sequence is known after an abort, but unknown after any other error.
      throw signal.aborted && CANCELLED.test((error as Error).message) ? signal.reason : error
    } finally {
      signal.removeEventListener('abort', cancel)
    }
  }

  /**
   * Removes a position and all later ones from a sequence. The position must not be inside an image. All cells of an
   * image have the position at which the image starts, so none of them remains.
   * @returns false when the memory cannot be cut there; a cut at position 0 always succeeds
   */
  async forget (sequence: number, from: number): Promise<boolean> {
    return await this.#bridge.forget(this.#ctx, sequence, from)
  }

  createCheckpoint (): Checkpoint {
    return new this.#bridge.Checkpoint()
  }

  /** Copies the recurrent state of a sequence to a checkpoint. */
  async save (sequence: number, checkpoint: Checkpoint): Promise<void> {
    await checkpoint.save(this.#ctx, sequence)
  }

  /**
   * Takes a sequence back to a checkpoint.
   * @param from the next position at the time of the checkpoint; it and all later ones are removed
   * @throws Error of llama.cpp; the content of the sequence is unknown then
   */
  async restore (sequence: number, checkpoint: Checkpoint, from: number): Promise<void> {
    await checkpoint.restore(this.#ctx, sequence, from)
  }
}
