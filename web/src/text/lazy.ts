import { signal } from '@preact/signals'

/**
 * Loads a module on first use and returns null until then. A component that calls the result is rendered again when the
 * module is loaded.
 */
export function lazy<T> (load: () => Promise<T>): () => T | null {
  const loaded = signal<T | null>(null)
  let isAsked = false
  return () => {
    if (!isAsked) {
      isAsked = true
      load().then(part => { loaded.value = part }, (error: unknown) => {
        // Loading fails without a network; the next call retries.
        isAsked = false
        console.warn(error)
      })
    }
    return loaded.value
  }
}
