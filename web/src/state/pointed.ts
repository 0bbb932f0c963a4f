import { signal } from '@preact/signals'

/**
 * The key of the box or point under the pointer or focus, in the image, the list or the text; null for none. See
 * `markKey`.
 */
export const pointed = signal<string | null>(null)
