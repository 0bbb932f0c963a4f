import type { Llama } from 'node-llama-cpp'
import type { WorkerLog } from './log.ts'
import type { WorkerStats } from './protocol.ts'

/** Measures the memory of the GPU. */
export class VramGauge {
  readonly #llama: Pick<Llama, 'getVramState'>
  readonly #log: WorkerLog
  #state: WorkerStats['vram'] = { used: 0, total: 0 }
  #hasFailed = false

  constructor (llama: Pick<Llama, 'getVramState'>, log: WorkerLog) {
    this.#llama = llama
    this.#log = log
  }

  /** The last measurement, in bytes. */
  get state (): WorkerStats['vram'] {
    return this.#state
  }

  /** Never rejects: after an error the last measurement remains, and only the first error is logged. */
  async measure (): Promise<void> {
    try {
      const { used, total } = await this.#llama.getVramState()
      this.#state = { used, total }
    } catch (error) {
      if (this.#hasFailed) return
      this.#hasFailed = true
      this.#log('warn', 'GPU memory cannot be read', { reason: (error as Error).message })
    }
  }
}
