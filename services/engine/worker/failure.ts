import type { WireError } from './protocol.ts'

/** An error of the worker that has a code of its own on the other side of the channel. */
export class WorkerFailure extends Error {
  readonly wire: WireError

  constructor (wire: WireError) {
    super(wire.code)
    this.wire = wire
  }
}

/** What goes back to the parent for an error that ended a request. */
export function toWire (error: unknown, signal?: AbortSignal): WireError {
  if (signal?.aborted) return { code: 'ABORTED', args: [] }
  if (error instanceof WorkerFailure) return error.wire
  // What native code and libraries say may hold paths: it goes to the log, not to the client.
  return { code: 'ENGINE_ERROR', args: [] }
}
