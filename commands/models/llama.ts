import os from 'node:os'
import { getLlama, type Llama, type LlamaOptions } from 'node-llama-cpp'

/**
 * Runs a function with llama.cpp.
 * @param gpu false suffices for headers and memory estimates
 */
export async function withLlama<T> (
  use: (llama: Llama) => Promise<T>, gpu: NonNullable<LlamaOptions['gpu']> = false
): Promise<T> {
  const llama = await getLlama({
    gpu,
    maxThreads: os.availableParallelism(),
    build: 'never',
    skipDownload: true,
    logger: (level, message) => {
      if (level === 'fatal' || level === 'error') process.stderr.write(`${message.trimEnd()}\n`)
    }
  })
  try {
    return await use(llama)
  } finally {
    await llama.dispose()
  }
}
