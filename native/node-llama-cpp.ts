import { withLock } from 'lifecycle-utils'
import type { Llama, LlamaContext, LlamaContextSequence, LlamaModel, Token } from 'node-llama-cpp'
import type { AddonContext, AddonModel, Bridge, Picture } from './vision.ts'

/**
 * Every access to what node-llama-cpp keeps private. Tied to the exact version in package.json: the members below were read in
 * its source, and `verify` checks the ones that could do harm before any is used.
 */
interface PrivateModel { _model: AddonModel }

interface PrivateContext {
  _ctx: AddonContext & {
    disposeSequence (id: number): void
    /** Removes the cells at positions `from` to `to - 1`, to the end for -1; false when the memory cannot. */
    removeTokenCellsFromSequence (id: number, from: number, to: number): boolean
    setThreads (threads: number): void
  }
  _threadSplitterConsumer?: ThreadConsumer
  _reserveThreads (): void
  _scheduleToFreeReservedThreads (): void
}

interface PrivateSequence {
  _sequenceId: number
  _contextTokens: Token[]
  _nextTokenIndex: number
  _checkpoints: { clearAllCheckpoints (): void }
}

interface ThreadConsumer {
  getAllocationToConsume (): Promise<[threads: number, handle: { dispose (): void }]> | [number, { dispose (): void }]
  dispose (): void
}

interface PrivateLlama { _threadsSplitter: { createConsumer (wanted: number, min: number): ThreadConsumer } }

const modelOf = (model: LlamaModel) => (model as unknown as PrivateModel)
const contextOf = (context: LlamaContext) => (context as unknown as PrivateContext)
const sequenceOf = (sequence: LlamaContextSequence) => (sequence as unknown as PrivateSequence)

export function addonModel (model: LlamaModel): AddonModel {
  return modelOf(model)._model
}

/**
 * Makes sure that the classes behind node-llama-cpp are the ones the bridge was compiled for.
 * @throws Error when a pointer or a size is not what it should be
 */
export function verify (bridge: Bridge, model: LlamaModel, context: LlamaContext, sequence: LlamaContextSequence): void {
  const info = bridge.contextInfo(addonModel(model), contextOf(context)._ctx)
  const { _sequenceId, _contextTokens, _nextTokenIndex } = sequenceOf(sequence)
  const faults = [
    !info.belongs && 'the context does not point to its model',
    info.contextSize !== context.getAllocatedContextSize() && `the context has ${info.contextSize} cells, not ${context.getAllocatedContextSize()}`,
    info.sequences !== context.totalSequences && `the context has ${info.sequences} sequences, not ${context.totalSequences}`,
    (!Number.isInteger(_sequenceId) || !Array.isArray(_contextTokens) || _nextTokenIndex !== 0) && 'a sequence keeps its books in another way'
  ].filter(Boolean)
  if (faults.length > 0) throw new Error(`The vision bridge does not match the installed node-llama-cpp: ${faults.join('; ')}`)
}

/**
 * Decodes a slice of a picture under the same lock and with the same share of threads as node-llama-cpp's own decoding.
 * @param offset first token of the slice within the picture
 * @param count tokens of the slice, at most the context's batch size
 */
export async function decodePicture (sequence: LlamaContextSequence, picture: Picture, offset: number, count: number): Promise<void> {
  const context = contextOf(sequence.context)
  const { _sequenceId, _nextTokenIndex } = sequenceOf(sequence)
  await withLock([sequence.context, 'context'], async () => {
    context._reserveThreads()
    try {
      const [threads, handle] = await context._threadSplitterConsumer!.getAllocationToConsume()
      try {
        context._ctx.setThreads(threads)
        await picture.decode(context._ctx, _sequenceId, _nextTokenIndex, offset, count)
      } finally {
        handle.dispose()
      }
    } finally {
      context._scheduleToFreeReservedThreads()
    }
  })
}

/** Tells a sequence's bookkeeping that a whole picture was decoded: it counts positions, of which a picture takes `span`. */
export function advancePast (sequence: LlamaContextSequence, picture: Picture, placeholder: Token): void {
  const books = sequenceOf(sequence)
  for (let i = 0; i < picture.span; i++) books._contextTokens.push(placeholder)
  books._nextTokenIndex += picture.span
}

/**
 * Empties a sequence: cells and books. Not `clearHistory()`, which would look at positions only and could leave the cells of a
 * picture whose decoding was cut off.
 */
export async function resetSequence (sequence: LlamaContextSequence): Promise<void> {
  await withLock([sequence.context, 'context'], () => {
    const books = sequenceOf(sequence)
    contextOf(sequence.context)._ctx.disposeSequence(books._sequenceId)
    books._checkpoints.clearAllCheckpoints()
    books._contextTokens = []
    books._nextTokenIndex = 0
  })
}

/**
 * Forgets what a sequence holds from a position on, which must not lie inside a picture. All cells of a picture carry the position at
 * which it starts, so none of them is left behind.
 *
 * Not `eraseContextTokenRanges()`, which evaluates placeholders as text where cells cannot be removed.
 * @returns false when the model's memory cannot be cut (recurrent, sliding window); the sequence must be reset then
 */
export async function rewindSequence (sequence: LlamaContextSequence, position: number): Promise<boolean> {
  return await withLock([sequence.context, 'context'], () => {
    const books = sequenceOf(sequence)
    // A window that slides has thrown away cells in silence.
    if (sequence.needsCheckpoints || !contextOf(sequence.context)._ctx.removeTokenCellsFromSequence(books._sequenceId, position, -1)) return false
    books._contextTokens = books._contextTokens.slice(0, position)
    books._nextTokenIndex = position
    return true
  })
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
