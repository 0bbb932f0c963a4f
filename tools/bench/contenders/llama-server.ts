import { existsSync } from 'node:fs'
import { LLAMA_SERVER, NODE_LLAMA_CPP_VERSION, cudaBackend } from '../build-llama-server.ts'
import { freePort, startServer } from '../lib/processes.ts'
import type { Contender } from './contender.ts'
import { askOpenAi } from './openai.ts'

/** llama.cpp's own server with default options, except those below. */
export const llamaServer: Contender = {
  name: 'llama-server',
  description:
    `llama.cpp's server from the sources in node-llama-cpp ${NODE_LLAMA_CPP_VERSION}, with that package's kernels`,

  missing: () => existsSync(LLAMA_SERVER) ? null : 'build it with npm run bench:llama-server',

  async start ({ model, mmproj, slots, contextSize, threads, gpu, imageTokens }) {
    const port = await freePort()
    const server = await startServer({
      command: LLAMA_SERVER,
      args: [
        '--model', model, '--mmproj', mmproj, '--host', '127.0.0.1', '--port', String(port), '--offline',
        '--parallel', String(slots), '--ctx-size', String(slots * contextSize), '--threads', String(threads),
        '--image-min-tokens', String(imageTokens.min), '--image-max-tokens', String(imageTokens.max),
        // The server's warm-up encodes 2116 tokens whatever the limits. A question warms up all contenders instead.
        '--no-warmup',
        ...gpu === 'off' ? ['--device', 'none'] : []
      ],
      env: gpu === 'off' ? {} : { GGML_BACKEND_PATH: await cudaBackend() },
      port,
      healthPath: '/health'
    })
    return {
      name: this.name,
      pid: server.pid,
      url: server.url,
      ask: (question, options) => askOpenAi(server.url, question, options),
      stop: () => server.stop()
    }
  }
}
