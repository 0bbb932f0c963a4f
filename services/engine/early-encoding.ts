import { untilAborted } from '../abort.ts'
import { createDeferred } from '../deferred.ts'
import type { EngineImage } from './engine.ts'
import type { FromWorker, ToWorker } from './worker/protocol.ts'

/** A request to the child that waits for messages, e.g. for the result of `inspect` or the events of `generate`. */
export interface Pending {
  onMessage (message: Extract<FromWorker, { id: number }>): void
  fail (error: unknown): void
}

export interface Child {
  /** Id of this request. */
  id: number
  pending: Map<number, Pending>
  send (message: ToWorker): void
}

/** See `Engine.encodeEarly`. A crash of the child ends it in silence: the answer reports the crash. */
export async function encodeInChild (
  { file, ...image }: EngineImage, { id, pending, send }: Child, signal: AbortSignal
): Promise<void> {
  const encoded = createDeferred<void>()
  try {
    const path = await untilAborted(file!(), signal)
    pending.set(id, { onMessage: () => encoded.resolve(), fail: () => encoded.resolve() })
    send({ type: 'encode', id, image, path })
    // A later child does not know this id and ignores the message.
    signal.addEventListener('abort', () => send({ type: 'abort', id }), { once: true })
    await untilAborted(encoded.promise, signal)
  } catch {
    // The answer awaits the same file and reports its error.
  } finally {
    pending.delete(id)
  }
}
