import { withLock } from 'lifecycle-utils'
import type { Llama, LlamaContext, LlamaModel } from 'node-llama-cpp'
import type { AddonContext, AddonModel, Bridge, Picture, StepItem } from './vision.ts'

/**
 * Every access to what node-llama-cpp keeps private. Tied to the exact version in package.json: the members below were read in
 * its source, and `Decoder` checks before it decodes that the classes behind it are the ones the bridge was compiled for.
 */
interface PrivateModel { _model: AddonModel }

interface PrivateContext {
  _ctx: AddonContext & { setThreads (threads: number): void }
  _threadSplitterConsumer?: ThreadConsumer
  _reserveThreads (): void
  _scheduleToFreeReservedThreads (): void
}

interface ThreadConsumer {
  getAllocationToConsume (): Promise<[threads: number, handle: { dispose (): void }]> | [number, { dispose (): void }]
  dispose (): void
}

interface PrivateLlama { _threadsSplitter: { createConsumer (wanted: number, min: number): ThreadConsumer } }

export function addonModel (model: LlamaModel): AddonModel {
  return (model as unknown as PrivateModel)._model
}

/**
 * Decodes on a context of node-llama-cpp, which itself decodes nothing there: its sequences and their books are not used. Every call takes
 * the lock under which node-llama-cpp works on a context, and the context's share of CPU threads.
 */
export class Decoder {
  readonly #bridge: Bridge
  readonly #context: LlamaContext
  readonly #private: PrivateContext
  readonly #onGpu: boolean
  /** False where a conversation's end cannot be forgotten without its beginning (recurrent, sliding window). */
  readonly forgets: boolean

  /**
   * @param threads CPU threads that a decoding may take
   * @throws Error when a pointer or a size is not what the bridge was compiled for
   */
  constructor (bridge: Bridge, model: LlamaModel, context: LlamaContext, threads: number) {
    this.#bridge = bridge
    this.#context = context
    this.#private = context as unknown as PrivateContext
    this.#onGpu = model.llama.gpu !== false
    const info = bridge.contextInfo(addonModel(model), this.#private._ctx)
    const faults = [
      !info.belongs && 'the context does not point to its model',
      info.contextSize !== context.getAllocatedContextSize() && `the context has ${info.contextSize} cells, not ${context.getAllocatedContextSize()}`,
      info.batchSize !== context.batchSize && `the context takes batches of ${info.batchSize} tokens, not ${context.batchSize}`,
      info.sequences !== context.totalSequences && `the context has ${info.sequences} sequences, not ${context.totalSequences}`
    ].filter(Boolean)
    if (faults.length > 0) throw new Error(`The vision bridge does not match the installed node-llama-cpp: ${faults.join('; ')}`)
    bridge.attachThreads(this.#private._ctx, threads)
    this.forgets = info.forgets
  }

  /**
   * Evaluates tokens of several sequences together, none twice, and samples what follows.
   * @returns for each item the next token; -1 where no sampler asked for one
   * @throws Error of llama.cpp; what the sequences hold is unknown then
   */
  async step (items: StepItem[]): Promise<number[]> {
    // A batch that falls apart reads the weights once more. To a card only that counts; a processor also feels each filler (8 slots on two cores,
    // answers in 0, 2, 3, 5 and 7: 61 instead of 92 ms a step; in 0, 3 and 4 no difference).
    const mostFillers = this.#onGpu ? this.#context.totalSequences : items.length - 1
    const order = items.map((_, index) => index).sort((a, b) => items[a]!.sequence - items[b]!.sequence)
    const sorted = await this.#run(ctx => this.#bridge.step(ctx, order.map(index => items[index]!), mostFillers))
    const tokens = new Array<number>(items.length)
    for (const [place, index] of order.entries()) tokens[index] = sorted[place]!
    return tokens
  }

  /**
   * Decodes a slice of a picture.
   * @param position where the picture (not the slice) starts in the sequence
   * @param offset first token of the slice within the picture
   * @param count tokens of the slice, at most the context's batch size
   */
  async decodePicture (sequence: number, position: number, picture: Picture, offset: number, count: number): Promise<void> {
    await this.#run(ctx => picture.decode(ctx, sequence, position, offset, count))
  }

  /**
   * Forgets what a sequence holds from a position on, which must not lie inside a picture. All cells of a picture carry the position at
   * which it starts, so none of them is left behind.
   * @returns false when the memory cannot; from 0 on it always can
   */
  async forget (sequence: number, from: number): Promise<boolean> {
    if (from > 0 && !this.forgets) return false
    return await withLock([this.#context, 'context'], () => this.#bridge.removeCells(this.#private._ctx, sequence, from))
  }

  async #run<T> (decode: (ctx: AddonContext) => Promise<T>): Promise<T> {
    const context = this.#private
    return await withLock([this.#context, 'context'], async () => {
      context._reserveThreads()
      try {
        const [threads, handle] = await context._threadSplitterConsumer!.getAllocationToConsume()
        try {
          context._ctx.setThreads(threads)
          return await decode(context._ctx)
        } finally {
          handle.dispose()
        }
      } finally {
        context._scheduleToFreeReservedThreads()
      }
    })
  }
}

/**
 * Runs something that computes beside node-llama-cpp with a share of its CPU threads. ggml's threads spin while they wait, so
 * one more than there are cores would slow everything down many times.
 */
export async function withThreads<T> (llama: Llama, wanted: number, run: (threads: number) => Promise<T>): Promise<T> {
  const consumer = (llama as unknown as PrivateLlama)._threadsSplitter.createConsumer(wanted, 1)
  try {
    const [threads, handle] = await consumer.getAllocationToConsume()
    try {
      return await run(threads)
    } finally {
      handle.dispose()
    }
  } finally {
    consumer.dispose()
  }
}
