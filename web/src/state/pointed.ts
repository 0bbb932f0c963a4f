import { signal } from '@preact/signals'

/** The box or point that somebody points at, in the picture, in the list or in the text; null: none. See `markKey`. */
export const pointed = signal<string | null>(null)

/** Names a box or point of an answer. */
export function markKey (answerId: string, kind: 'box' | 'point', index: number): string {
  return `${answerId}/${kind}/${index}`
}
