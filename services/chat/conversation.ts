import type { Part, Turn } from '../engine/engine.ts'
import type { ChatPart, ChatRequest } from './request.ts'

/** An image at one place of the conversation. */
export interface PlacedImage {
  /** The id in receipts: `sha256:<64 hex digits>`. */
  id: string
  /** The engine's id of the image, from `scopedImageId`. */
  key: string
  /** Index in the request's files; null for an image of an earlier request. */
  file: number | null
  /** Longest side in pixels that the client set for this image. The limits for all images apply as well. */
  maxSide?: number
  /** The image is in the user's latest turn. */
  latest: boolean
}

export interface Conversation {
  turns: Turn[]
  /** The images by the index that the turns use, in the order of the prompt. */
  images: PlacedImage[]
}

/** Numbers the images of the turns in the order of the prompt, and gives each its key in the engine. */
export function createConversation (
  { turns, files, scope }: Pick<ChatRequest, 'turns' | 'files' | 'scope'>
): Conversation {
  const images: PlacedImage[] = []
  const latestTurn = turns.findLast(turn => turn.role === 'user')

  function place (part: ChatPart, latest: boolean): Part {
    if (part.type === 'text') return part
    const { id, file } = part.type === 'upload'
      ? { id: files[part.file]!.id, file: part.file }
      : { id: part.id, file: null }
    const own = part.maxSide === undefined ? {} : { maxSide: part.maxSide }
    return { type: 'image', image: images.push({ id, key: scopedImageId(id, scope), file, ...own, latest }) - 1 }
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

/**
 * Returns the engine's id of an image. It contains the scope, so that no client can learn which images others have
 * cached.
 */
export function scopedImageId (id: string, scope: string): string {
  return scope === '' ? id : `${scope}/${id}`
}

/** Returns the id from which `scopedImageId` made `key`. */
export function imageIdOf (key: string): string {
  return key.slice(key.indexOf('/') + 1)
}
