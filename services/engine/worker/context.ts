import type { LlamaContext, LlamaModel } from 'node-llama-cpp'
import { BATCH_SIZE } from '../../models/requirements.ts'
import type { WorkerLog } from './log.ts'

export interface ContextOptions {
  /** Maximum of KV cells per sequence; the model's own limit can be lower. */
  contextSize: number
  /** Number of sequences: one per admission slot. */
  slots: number
  flashAttention: boolean
  /** CPU threads. */
  threads: number
}

/** A smaller context has no room for an image and an answer. */
const MIN_CONTEXT_SIZE = 1024
/** An allocation can fail even if the memory plan fits. */
const CREATION_REMEDY = { retries: 8, autoContextSizeShrink: 0.3 }

/**
 * Creates a context with one sequence per slot. If the memory is too small, the sequences get fewer cells.
 * @throws Error with a sentence for the operator if the memory is too small for 1024 cells per sequence
 */
export async function createContext (
  model: LlamaModel, { contextSize: wanted, slots, flashAttention, threads }: ContextOptions, log: WorkerLog
): Promise<LlamaContext> {
  const max = Math.min(wanted, model.trainContextSize)
  const min = Math.min(max, MIN_CONTEXT_SIZE)
  const context = await model.createContext({
    sequences: slots,
    contextSize: { min, max },
    batchSize: BATCH_SIZE,
    threads,
    flashAttention,
    failedCreationRemedy: CREATION_REMEDY
  }).catch((error: Error) => {
    throw new Error(
      `There is no memory for ${slots} slots of ${min} tokens (${error.message}): ` +
      'lower MAX_CONCURRENT_REQUESTS or use a smaller model'
    )
  })
  if (context.contextSize < max) {
    log('warn', 'context size reduced: not enough memory for CONTEXT_SIZE and MAX_CONCURRENT_REQUESTS', {
      contextSize: context.contextSize, wanted, slots
    })
  }
  return context
}
