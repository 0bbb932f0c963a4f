// Encodes, decodes, samples, cancels and disposes of images with the given addon, and reports whether memory grows.
//
//   node images.mjs ADDON IMAGES
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { getLlama } from 'node-llama-cpp'

const [, , addon, count] = process.argv
const ROOT = path.join(path.dirname(fileURLToPath(import.meta.url)), '../..')
const CELLS = 256
/** Tolerated growth of the resident memory after the first quarter: the sanitizer keeps freed memory for a while. */
const TOLERATED_MIB = 64

const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true })
const bridge = createRequire(import.meta.url)(addon)
bridge.setLogger(() => {})
const model = await llama.loadModel({ modelPath: path.join(ROOT, 'models/demo/tiny-qwen2-vl-q8_0.gguf') })
const context = await model.createContext({ sequences: 3, contextSize: CELLS, batchSize: 64, threads: 2 })
const [addonModel, ctx] = [model._model, context._ctx]
bridge.attachThreads(ctx, 2)
const vision = await bridge.Vision.load(
  addonModel, path.join(ROOT, 'models/demo/mmproj-tiny-qwen2-vl-f16.gguf'),
  { gpu: false, threads: 2, minTokens: 1, maxTokens: 64, sharesLane: false }
)

const options = {
  temperature: 1,
  topK: 40,
  topP: 0.95,
  minP: 0.05,
  penaltyWindow: 64,
  repeatPenalty: 1.1,
  frequencyPenalty: 0,
  presencePenalty: 0,
  grammar: null
}
let seed = 1
const random = below => (seed = (seed * 48_271) % 2_147_483_647) % below
const memory = () => process.memoryUsage.rss() / 1024 ** 2

async function one (index) {
  const [width, height] = [28 * (2 + random(5)), 28 * (2 + random(5))]
  const sequence = random(3)
  const encoding = vision.encode(new Uint8Array(width * height * 3).fill(random(256)), width, height, 1 + random(2))
  vision.setThreads(1 + random(2))
  if (index % 10 === 9) vision.cancel()
  const image = await encoding.catch(error => { if (index % 10 !== 9) throw error })
  if (image === undefined) return
  await bridge.forget(ctx, sequence, 0)
  const { tokens, span } = image
  const cut = 1 + random(tokens)
  const slices = cut < tokens ? [[0, cut], [cut, tokens - cut]] : [[0, tokens]]
  const decoded = slices.map(([offset, length]) => image.decode(ctx, sequence, 0, offset, length, 2, null))
  // An image may be disposed of while its slices are decoded.
  image.dispose()
  await Promise.all(decoded)
  const sampler = new bridge.Sampler(addonModel, {
    ...options, seed: random(1e9), grammar: index % 3 === 0 ? 'root ::= "yes" | "no"' : null
  })
  let next = [100]
  for (let position = span; position < span + 4; position++) {
    const [token] = await bridge.step(ctx, [{ sequence, position, tokens: next, sampler }], 2, 1 + random(2), null)
    if (token < 0) break
    next = [token]
  }
  for (const wrong of [
    () => bridge.step(ctx, [], 0), () => vision.encode(new Uint8Array(3), 28, 28, 1), () => image.tokens
  ]) {
    try {
      wrong()
      throw new Error('it was not refused')
    } catch (error) {
      if (error.message === 'it was not refused') throw error
    }
  }
}

let early = 0
for (let index = 0; index < Number(count); index++) {
  await one(index)
  if (index === Math.floor(count / 4)) early = memory()
}
const grown = memory() - early
console.log(`${count} images; resident memory grew by ${grown.toFixed(1)} MiB in the last three quarters`)
vision.dispose()
await llama.dispose()
process.exit(grown > TOLERATED_MIB ? 1 : 0)
