import { Worker } from 'node:worker_threads'
import { createDeferred, type Deferred } from '../../deferred.ts'
import type { ThreadJob, ThreadMessage } from './protocol.ts'

/** Maximum size of the JavaScript heap. The WebAssembly memory and the pixels are outside of it. */
const HEAP_LIMIT_MB = 128

/** A thread that decodes one file at a time. It does not keep the process alive. */
export class DecoderThread {
  readonly #worker: Worker
  readonly #ready = createDeferred<void>()
  #answer: Deferred<ThreadMessage> | null = null
  #end: ThreadMessage = { type: 'crashed', outOfMemory: false, failure: 'The thread ended' }
  #hasEnded = false

  /** @param program URL of the thread's program */
  constructor (program: URL) {
    // The options and the environment of this process do not apply to the thread, so it does not know the API keys.
    this.#worker = new Worker(program, {
      execArgv: [], env: {}, resourceLimits: { maxOldGenerationSizeMb: HEAP_LIMIT_MB }
    })
    // Node ignores this before the thread runs.
    this.#worker.on('online', () => this.#worker.unref())
    this.#ready.promise.catch(() => {})
    this.#worker.on('message', (message: ThreadMessage) => {
      if (message.type === 'ready') this.#ready.resolve()
      else this.#answer?.resolve(message)
    })
    this.#worker.on('error', (error: NodeJS.ErrnoException) => {
      const outOfMemory = error.code === 'ERR_WORKER_OUT_OF_MEMORY'
      this.#end = { type: 'crashed', outOfMemory, failure: error.stack ?? error.message }
    })
    this.#worker.on('messageerror', error => this.#answer?.reject(error))
    this.#worker.on('exit', () => {
      this.#hasEnded = true
      this.#ready.reject(new Error(`A decoder thread failed to start: ${'failure' in this.#end && this.#end.failure}`))
      this.#answer?.resolve(this.#end)
    })
  }

  get hasEnded (): boolean {
    return this.#hasEnded
  }

  /**
   * Waits until the decoder is loaded.
   * @throws Error if the thread ended before
   */
  async ready (): Promise<void> {
    await this.#ready.promise
  }

  /** Runs a job. An end of the thread settles it as a crash. */
  async run (job: ThreadJob): Promise<ThreadMessage> {
    if (this.#hasEnded) return this.#end
    this.#answer = createDeferred()
    this.#worker.postMessage(job)
    try {
      return await this.#answer.promise
    } finally {
      this.#answer = null
    }
  }

  /** Ends the thread, even within a loop in WebAssembly, and waits for its end. */
  async end (): Promise<void> {
    await this.#worker.terminate()
  }
}
