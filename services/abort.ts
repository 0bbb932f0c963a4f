import { createDeferred } from './deferred.ts'

/**
 * Settles like `promise`, but rejects as soon as the signal fires. The work behind the promise then continues and its
 * outcome is dropped. The caller must bound such work.
 * @throws the reason of `signal`; whatever `promise` rejects with
 * @example
 * const header = await untilAborted(readHeader(file), request.signal)
 */
export async function untilAborted<T> (promise: Promise<T>, signal: AbortSignal): Promise<T> {
  // A rejection after the abort is not an unhandled rejection.
  promise.catch(() => {})
  signal.throwIfAborted()
  const aborted = createDeferred<never>()
  const stop = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
