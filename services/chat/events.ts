import type { ChatDone } from '../../schemas/chat.ts'
import type { Receipt } from '../../schemas/image.ts'

/**
 * An event of an answer. `accepted` comes first, `image` when an image is prepared, `done` last. An error before
 * `accepted` means that no work was started.
 */
export type ChatEvent =
  | { type: 'accepted', images: number }
  | { type: 'image', receipt: Receipt }
  | { type: 'progress', stage: 'encode' | 'prefill', done: number, total: number }
  | { type: 'thought', text: string }
  | { type: 'token', text: string }
  | { type: 'done', result: ChatDone }

/**
 * Merges two neighbouring events, so that a reader that is behind receives the text since its last read in one piece,
 * and only the latest progress.
 * @returns null when the events stay separate
 */
export function mergeEvents (last: ChatEvent, next: ChatEvent): ChatEvent | null {
  if (last.type === 'thought' && next.type === 'thought') return { type: 'thought', text: last.text + next.text }
  if (last.type === 'token' && next.type === 'token') return { type: 'token', text: last.text + next.text }
  if (last.type === 'progress' && next.type === 'progress' && last.stage === next.stage) return next
  return null
}
