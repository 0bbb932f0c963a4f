import { batch, signal } from '@preact/signals'

const STORED_AS = 'sightline.key'

/** The API key, kept as long as the tab; empty where none was asked for. */
export const apiKey = signal(sessionStorage.getItem(STORED_AS) ?? '')
/** The service has refused to answer without a key, or the one it got. */
export const keyWanted = signal<'no' | 'missing' | 'wrong'>('no')

export function useKey (key: string): void {
  batch(() => {
    apiKey.value = key
    keyWanted.value = 'no'
  })
  sessionStorage.setItem(STORED_AS, key)
}

/** @param used the key that was refused: meanwhile there may be another one */
export function forgetKey (used: string): void {
  if (apiKey.value !== used) return
  batch(() => {
    // Who had a key hears that it is wrong, also when something else asks without one meanwhile.
    if (used !== '') keyWanted.value = 'wrong'
    else if (keyWanted.value === 'no') keyWanted.value = 'missing'
    apiKey.value = ''
  })
  sessionStorage.removeItem(STORED_AS)
}

/** What a request says of itself, with a key or without. */
export function authorization (key: string): Record<string, string> {
  return key === '' ? {} : { authorization: `Bearer ${key}` }
}
