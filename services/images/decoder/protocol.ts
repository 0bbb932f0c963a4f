/** The decoders that run in threads. Each has a program `<kind>-thread.ts`. */
export type DecoderKind = 'heic'

/** A job, as the thread receives it. */
export interface ThreadJob {
  /** The file to decode. */
  path: string
  /** Options of the decoder. */
  options: unknown
  /** Maximum size of the WebAssembly memory in bytes. */
  memoryLimitBytes: number
}

/** The messages of a thread. The first one is `ready`, and each job is answered by one of the others. */
export type ThreadMessage =
  | { type: 'ready' }
  | { type: 'decoded', result: unknown, memoryBytes: number }
  /** The decoder found the file damaged or refuses it. The thread can take the next job. */
  | { type: 'refused', code: string, failure: string }
  | { type: 'crashed', outOfMemory: boolean, failure: string }
