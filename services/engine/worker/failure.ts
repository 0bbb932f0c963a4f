import type { WireError } from './protocol.ts'

/** An error of the worker for which the parent has a specific error code. */
export class WorkerFailure extends Error {
  readonly wire: WireError

  constructor (wire: WireError) {
    super(wire.code)
    this.wire = wire
  }
}

/** Converts an error that ended a request to the message for the parent. */
export function toWire (error: unknown, signal?: AbortSignal): WireError {
  if (signal?.aborted) return { code: 'ABORTED', args: [] }
  if (error instanceof WorkerFailure) return error.wire
  // Messages of native code and libraries can contain paths, so only the log gets them, not the client.
  return { code: 'ENGINE_ERROR', args: [] }
}
