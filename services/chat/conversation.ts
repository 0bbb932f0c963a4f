import type { ChatFields } from '../../schemas/chat.ts'
import type { Part, Turn } from '../engine/engine.ts'

export interface Conversation {
  turns: Turn[]
  /** Id of the picture behind each index that the turns use: those of the history first, then the uploads. */
  ids: string[]
  /** How many of `ids` come from the history. */
  historyCount: number
}

/**
 * Lays out system prompt, history and question as turns. Pictures of a turn stand before its text, in their order.
 * @param uploads ids of the pictures that came with this request
 */
export function createConversation (fields: ChatFields, uploads: string[]): Conversation {
  const ids: string[] = []
  const withPictures = (pictures: string[], text: string): Part[] => [
    ...pictures.map(id => ({ type: 'image' as const, image: ids.push(id) - 1 })),
    { type: 'text', text }
  ]
  const turns: Turn[] = []
  if (fields.system) turns.push({ role: 'system', parts: [{ type: 'text', text: fields.system }] })
  for (const { role, content, images = [] } of fields.history ?? []) turns.push({ role, parts: withPictures(images, content) })
  const historyCount = ids.length
  turns.push({ role: 'user', parts: withPictures(uploads, fields.message) })
  return { turns, ids, historyCount }
}
