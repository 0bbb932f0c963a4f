import { signal } from '@preact/signals'

/** A part of the page that is loaded when it is first needed; null until then. What reads it is rendered again when it is there. */
export function lazy<T> (load: () => Promise<T>): () => T | null {
  const loaded = signal<T | null>(null)
  let isAsked = false
  return () => {
    if (!isAsked) {
      isAsked = true
      load().then(part => { loaded.value = part }, (error: unknown) => {
        // Without the network it is missing for now; what needs it next asks again.
        isAsked = false
        console.warn(error)
      })
    }
    return loaded.value
  }
}
