export interface Deferred<T> {
  promise: Promise<T>
  resolve (value: T): void
  reject (error: unknown): void
}

/** `Promise.withResolvers`, which Node 20 lacks. */
export function createDeferred<T> (): Deferred<T> {
  let resolve!: (value: T) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<T>((_resolve, _reject) => {
    resolve = _resolve
    reject = _reject
  })
  return { promise, resolve, reject }
}
