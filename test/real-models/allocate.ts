/**
 * Prints llama.cpp's log lines about the buffers of a context of two sequences of 8192 tokens.
 * Usage: `node --import=tsx test/real-models/allocate.ts FILE FLASH_ATTENTION`
 */
import { getLlama, LlamaLogLevel } from 'node-llama-cpp'
import { BATCH_SIZE } from '../../services/models/requirements.ts'

const [modelPath, flashAttention] = process.argv.slice(2)
const llama = await getLlama({
  gpu: false,
  build: 'never',
  skipDownload: true,
  logLevel: LlamaLogLevel.debug,
  logger: (_level, message) => { process.stdout.write(`${message.trimEnd()}\n`) }
})
const model = await llama.loadModel({ modelPath: modelPath! })
await model.createContext({
  contextSize: 8192, sequences: 2, batchSize: BATCH_SIZE, flashAttention: flashAttention === 'true'
})
// The log arrives after the context.
await llama.dispose()
