import type { Llama } from 'node-llama-cpp'
import type { Log } from './model.ts'
import type { WorkerStats } from './protocol.ts'

/** The memory of the GPU, as it was measured last. */
export class VramGauge {
  readonly #llama: Pick<Llama, 'getVramState'>
  readonly #log: Log
  #state: WorkerStats['vram'] = { used: 0, total: 0 }
  #hasFailed = false

  constructor (llama: Pick<Llama, 'getVramState'>, log: Log) {
    this.#llama = llama
    this.#log = log
  }

  /** Bytes. */
  get state (): WorkerStats['vram'] {
    return this.#state
  }

  /** Never rejects: the last figures stay, and the first failure is logged. */
  async measure (): Promise<void> {
    try {
      const { used, total } = await this.#llama.getVramState()
      this.#state = { used, total }
    } catch (error) {
      if (this.#hasFailed) return
      this.#hasFailed = true
      this.#log('warn', `the memory of the GPU cannot be read: ${(error as Error).message}`)
    }
  }
}
