import { signal } from '@preact/signals'

const STORED_AS = 'sightline.key'

/** The API key, kept as long as the tab; empty where none was asked for. */
export const apiKey = signal(sessionStorage.getItem(STORED_AS) ?? '')
/** The service has refused to answer without a key, or the one it got. */
export const keyWanted = signal<'no' | 'missing' | 'wrong'>('no')

export function useKey (key: string): void {
  apiKey.value = key
  keyWanted.value = 'no'
  sessionStorage.setItem(STORED_AS, key)
}

export function forgetKey (): void {
  keyWanted.value = apiKey.value === '' ? 'missing' : 'wrong'
  apiKey.value = ''
  sessionStorage.removeItem(STORED_AS)
}
