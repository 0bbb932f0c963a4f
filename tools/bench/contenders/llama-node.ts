import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { LLAMA_NODE_DIR, LLAMA_NODE_VERSION, llamaNodeMissing } from '../install-llama-node.ts'
import { freePort, startServer } from '../lib/processes.ts'
import type { Contender } from './contender.ts'
import { askOpenAi } from './openai.ts'

/** @fugood/llama.node behind a thin HTTP wrapper. */
export const llamaNode: Contender = {
  name: 'llama.node',
  description:
    `@fugood/llama.node ${LLAMA_NODE_VERSION} behind a thin HTTP wrapper, with its own llama.cpp and kernels`,

  missing: llamaNodeMissing,

  async start (options) {
    const port = await freePort()
    const script = fileURLToPath(new URL('./llama-node-server.mjs', import.meta.url))
    const server = await startServer({
      command: process.execPath,
      args: [script, JSON.stringify({ ...options, port, package: path.join(LLAMA_NODE_DIR, 'package.json') })],
      port,
      healthPath: '/'
    })
    return {
      name: this.name,
      pid: server.pid,
      url: server.url,
      ask: (question, settings) => askOpenAi(server.url, question, settings),
      stop: () => server.stop()
    }
  }
}
