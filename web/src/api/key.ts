import { batch, signal } from '@preact/signals'

const STORED_AS = 'sightline.key'

/** The API key, kept until the tab is closed; empty when none was entered. */
export const apiKey = signal(sessionStorage.getItem(STORED_AS) ?? '')
/** Whether the service refused a request because the key was missing or wrong. */
export const keyWanted = signal<'no' | 'missing' | 'wrong'>('no')

export function useKey (key: string): void {
  batch(() => {
    apiKey.value = key
    keyWanted.value = 'no'
  })
  sessionStorage.setItem(STORED_AS, key)
}

/**
 * Forgets a key that the service refused.
 * @param used the refused key; a newer key is kept
 */
export function forgetKey (used: string): void {
  if (apiKey.value !== used) return
  batch(() => {
    // A wrong key stays reported as wrong, even when a parallel request without a key is refused too.
    if (used !== '') keyWanted.value = 'wrong'
    else if (keyWanted.value === 'no') keyWanted.value = 'missing'
    apiKey.value = ''
  })
  sessionStorage.removeItem(STORED_AS)
}

/** The request headers for a key; none for an empty key. */
export function authorization (key: string): Record<string, string> {
  return key === '' ? {} : { authorization: `Bearer ${key}` }
}
