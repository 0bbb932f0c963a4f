import type { Part, Turn } from '../engine/engine.ts'
import type { ChatPart, ChatRequest } from './request.ts'

/** An image at one place of the conversation. */
export interface Image {
  /** As receipts tell it. */
  id: string
  /** As the engine knows it. */
  key: string
  /** Index in the request's files; null for an image of an earlier request. */
  file: number | null
  /** Longest side in pixels that the client wants it to have, beside the limits that hold for all. */
  maxSide?: number
  /** It stands in the latest turn of the user. */
  latest: boolean
}

export interface Conversation {
  turns: Turn[]
  /** The image behind each index that the turns use, in the order in which they stand in the prompt. */
  images: Image[]
}

/** Gives every image of the turns its index, and its name in the engine. */
export function createConversation (
  { turns, files, scope }: Pick<ChatRequest, 'turns' | 'files' | 'scope'>
): Conversation {
  const images: Image[] = []
  const latestTurn = turns.findLast(turn => turn.role === 'user')

  function place (part: ChatPart, latest: boolean): Part {
    if (part.type === 'text') return part
    const { id, ...rest } = part.type === 'upload'
      ? { id: files[part.file]!.id, file: part.file, ...part.maxSide !== undefined && { maxSide: part.maxSide } }
      : { id: part.id, file: null }
    return { type: 'image', image: images.push({ id, key: keyOf(id, scope), ...rest, latest }) - 1 }
  }

  const placed = turns.map((turn): Turn => {
    const latest = turn === latestTurn
    return {
      role: turn.role,
      parts: turn.parts.map(part => place(part, latest)),
      ...turn.calls &&
        { calls: turn.calls.map(call => ({ ...call, result: call.result.map(part => place(part, latest)) })) }
    }
  })
  return { turns: placed, images }
}

/** A client learns nothing of what others sent: what they cached has another name. */
export function keyOf (id: string, scope: string): string {
  return scope === '' ? id : `${scope}/${id}`
}

/** What `keyOf` was made of. */
export function idOf (key: string): string {
  return key.slice(key.indexOf('/') + 1)
}
