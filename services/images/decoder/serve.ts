import { parentPort } from 'node:worker_threads'
import { limitWasmMemory } from './memory-limit.ts'
import type { ThreadJob, ThreadMessage } from './protocol.ts'

/** A decoded file. The buffers in `transfer` are moved to the thread of the caller without a copy. */
export interface Decoded { result: unknown, transfer: ArrayBuffer[] }

/**
 * Decodes one file. It uses a new instance of its WebAssembly module for each file, so that a hostile file cannot
 * affect the next one.
 * @throws Refusal for a file that is damaged or not accepted; other errors count as a crash
 */
export type Decode = (path: string, options: unknown) => Promise<Decoded> | Decoded

/** Reports that a decoder refuses a file. The thread remains usable. */
export class Refusal extends Error {
  readonly code: string

  /** @param code e.g. `damaged`; the caller of `Decoders.decode` gets it in `DecodeError.code` */
  constructor (code: string, message: string) {
    super(message)
    this.code = code
  }
}

/**
 * Runs a decoder in this thread. It answers each `ThreadJob` with a `ThreadMessage`.
 * @param load loads the decoder's code; compiles its WebAssembly module
 * @example
 * await serveDecoder(async () => decodeHeic(await compile()))
 */
export async function serveDecoder (load: () => Promise<Decode>): Promise<void> {
  const port = parentPort!
  const memory = limitWasmMemory()
  const decode = await load()

  const answer = async ({ path, options, memoryLimitBytes }: ThreadJob): Promise<void> => {
    memory.set(memoryLimitBytes)
    const reply = (message: ThreadMessage, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer)
    try {
      const { result, transfer } = await decode(path, options)
      reply({ type: 'decoded', result, memoryBytes: memory.largest() }, transfer)
    } catch (error) {
      const failure = error instanceof Error ? error.stack ?? error.message : String(error)
      // A decoder that gets no memory can report anything, so the limit decides.
      const outOfMemory = memory.isExceeded()
      if (error instanceof Refusal && !outOfMemory) reply({ type: 'refused', code: error.code, failure: error.message })
      else reply({ type: 'crashed', outOfMemory, failure })
    }
  }
  port.on('message', (job: ThreadJob) => { void answer(job) })
  port.postMessage({ type: 'ready' } satisfies ThreadMessage)
}
