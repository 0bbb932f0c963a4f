import { getLlama, type Llama } from 'node-llama-cpp'

/** Runs a function with llama.cpp without a GPU, which suffices for headers and memory estimates. */
export async function withLlama<T> (use: (llama: Llama) => Promise<T>): Promise<T> {
  const llama = await getLlama({
    gpu: false,
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
