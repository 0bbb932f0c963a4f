import type { LlamaContext, LlamaModel } from 'node-llama-cpp'
import { BATCH_SIZE } from '../../models/requirements.ts'
import type { Log } from './model.ts'

export interface ContextOptions {
  /** KV cells of a slot, at most; the model's own limit may be lower. */
  contextSize: number
  slots: number
  /** CPU threads. */
  threads: number
}

/** With less a slot does not hold an image and an answer. */
const LEAST_CONTEXT = 1024
/** An allocation may fail although the figures promised enough. */
const CREATION_REMEDY = { retries: 8, autoContextSizeShrink: 0.3 }
/**
 * A context with a sequence for each slot. Where the memory is not enough for all the tokens that were asked for, slots get fewer.
 * @throws Error when it is not enough for the least
 */
export async function createContext (
  model: LlamaModel, { contextSize: wanted, slots, threads }: ContextOptions, log: Log
): Promise<LlamaContext> {
  const max = Math.min(wanted, model.trainContextSize)
  const min = Math.min(max, LEAST_CONTEXT)
  const context = await model.createContext({
    sequences: slots, contextSize: { min, max }, batchSize: BATCH_SIZE, threads, failedCreationRemedy: CREATION_REMEDY
  })
    .catch((error: Error) => {
      throw new Error(
      `There is no memory for ${slots} slots of ${min} tokens (${error.message}): lower MAX_CONCURRENT_REQUESTS or take a smaller model`
      )
    })
  if (context.contextSize < max) {
    log(
      'warn',
    `The memory is not enough for CONTEXT_SIZE=${wanted} with MAX_CONCURRENT_REQUESTS=${slots}: each slot has ${context.contextSize} tokens`
    )
  }
  return context
}
