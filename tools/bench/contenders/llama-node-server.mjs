/**
 * A minimal server for @fugood/llama.node: streamed chat completions in the format of the OpenAI API, with images as
 * data URIs, through the package's parallel mode.
 *
 *   node llama-node-server.mjs JSON
 *
 * JSON is `StartOptions` with `port`, and `package`, the package.json of the folder with the package.
 */
import { createServer } from 'node:http'
import { createRequire } from 'node:module'

const options = JSON.parse(process.argv[2])
const { loadModel } = createRequire(options.package)('@fugood/llama.node')

const gpu = options.gpu !== 'off'
const context = await loadModel({
  model: options.model,
  n_ctx: options.slots * options.contextSize,
  n_parallel: options.slots,
  n_threads: options.threads,
  n_gpu_layers: gpu ? 999 : 0,
  lib_variant: gpu ? options.gpu : 'default',
  ctx_shift: false
})
const sees = context.initMultimodal({
  path: options.mmproj,
  use_gpu: gpu,
  image_min_tokens: options.imageTokens.min,
  image_max_tokens: options.imageTokens.max
})
if (!sees) throw new Error(`${options.mmproj} cannot be loaded`)
const isParallel = await context.parallel.enable({ n_parallel: options.slots })
if (!isParallel) throw new Error('The parallel mode cannot be enabled')

const server = createServer(async (request, response) => {
  if (request.method === 'GET') return response.end('ok')
  try {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    await complete(JSON.parse(Buffer.concat(chunks)), response)
  } catch (error) {
    if (response.headersSent) return response.destroy(error)
    response.writeHead(500).end(error.message)
  }
})

async function complete ({ messages, max_tokens: maxTokens, temperature }, response) {
  const send = chunk => response.write(`data: ${JSON.stringify(chunk)}\n\n`)
  const { promise, stop } = await context.parallel.completion(
    { messages, n_predict: maxTokens, temperature, jinja: true },
    (_id, { token }) => { if (token) send({ choices: [{ delta: { content: token } }] }) }
  )
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.once('close', () => { if (!response.writableFinished) stop() })
  const { timings } = await promise
  send({
    choices: [],
    usage: {
      prompt_tokens: timings.cache_n + timings.prompt_n,
      completion_tokens: timings.predicted_n,
      prompt_tokens_details: { cached_tokens: timings.cache_n }
    }
  })
  response.end('data: [DONE]\n\n')
}

server.listen(options.port, '127.0.0.1')
process.once('SIGTERM', () => process.exit())
