import { createDeferred } from './deferred.ts'

/**
 * Settles as `promise` does, or rejects as soon as the signal fires. The work behind the promise goes on then, and
 * its outcome is dropped: the caller has to see to it that such work is bounded.
 * @throws the reason of `signal`; whatever `promise` rejects with
 */
export async function untilAborted<T> (promise: Promise<T>, signal: AbortSignal): Promise<T> {
  // An error that comes after the abort has no reader.
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
