import {
  bytesKeyOf, newId, type Answer, type Conversation, type StoredImage, type Question
} from './conversation.ts'
import { toDataUri } from './data-uri.ts'

export const EXPORT_FORMAT = 'sightline-conversations'
export const EXPORT_VERSION = 1

/**
 * An image with its bytes as a data URI; `data` is null when the browser no longer had them. Pages of one document have
 * the same `page.document`, and only the first of them has its bytes.
 */
export type ExportedImage = Omit<StoredImage, 'key'> & { data: string | null }
/** Times are in ISO 8601. */
export type ExportedQuestion = Omit<Question, 'id' | 'at' | 'pictures'> & { at: string, pictures: ExportedImage[] }
export type ExportedAnswer = Omit<Answer, 'id' | 'at'> & { at: string }
export type ExportedConversation = Omit<Conversation, 'id' | 'turns' | 'createdAt' | 'updatedAt'> & {
  createdAt: string
  updatedAt: string
  turns: Array<ExportedQuestion | ExportedAnswer>
}

/** The content of an exported file. It has no ids: an import creates new ones. */
export interface Export {
  format: typeof EXPORT_FORMAT
  version: typeof EXPORT_VERSION
  exportedAt: string
  conversations: ExportedConversation[]
}

export interface ExportOptions {
  withThoughts: boolean
  /** Returns the bytes of an image or of a document, or null when they are gone. */
  bytesOf (key: string): Promise<Blob | null>
  /** Returns an image in a format that browsers can show, or null when that is impossible. */
  visibleBytesOf (image: StoredImage): Promise<Blob | null>
}

/**
 * Exports conversations as an `Export`. The result is a Blob because the images may be larger than the longest string.
 */
export async function toJson (conversations: readonly Conversation[], options: ExportOptions): Promise<Blob> {
  const exportedAt = new Date().toISOString()
  const parts: BlobPart[] = [
    `{"format":"${EXPORT_FORMAT}","version":${EXPORT_VERSION},"exportedAt":"${exportedAt}","conversations":[`
  ]
  for (const [i, conversation] of conversations.entries()) {
    parts.push(i === 0 ? '\n' : ',\n', await conversationToJson(conversation, options))
  }
  return new Blob([...parts, '\n]}\n'], { type: 'application/json' })
}

async function conversationToJson (
  conversation: Conversation, { withThoughts, bytesOf }: ExportOptions
): Promise<Blob> {
  // Marks where an image belongs. The text is random, so no user text can contain it.
  const place = `${newId()}:`
  const types = new Map<string, string>()
  const { title, createdAt, updatedAt, turns } = conversation
  const exported: ExportedConversation = {
    title,
    createdAt: isoOf(createdAt),
    updatedAt: isoOf(updatedAt),
    turns: turns.map(turn => {
      if (turn.role === 'assistant') {
        const { role, text, at, state, format, failure, receipts, done, thoughts } = turn
        return {
          role,
          text,
          at: isoOf(at),
          state: state === 'running' ? 'interrupted' : state,
          format,
          failure,
          receipts,
          done,
          ...withThoughts && thoughts && { thoughts }
        }
      }
      const { role, text, at, pictures: images, format } = turn
      return {
        role,
        text,
        at: isoOf(at),
        pictures: images.map(({ key, page, ...image }) => {
          const bytes = bytesKeyOf({ key, page })
          const isFirst = !types.has(bytes)
          types.set(bytes, image.type)
          return {
            ...image,
            ...page && { page: { ...page, document: String([...types.keys()].indexOf(bytes)) } },
            data: isFirst || !page ? `${place}${bytes}` : null
          }
        }),
        ...format && { format }
      }
    })
  }
  const parts: BlobPart[] = []
  // `split` returns the captured image keys at the odd indices.
  for (const [i, piece] of JSON.stringify(exported).split(new RegExp(`"${place}([^"]*)"`)).entries()) {
    if (i % 2 === 0) {
      parts.push(piece)
    } else {
      const bytes = await bytesOf(piece)
      if (bytes === null) parts.push('null')
      else parts.push('"', await toDataUri(bytes, types.get(piece) ?? bytes.type), '"')
    }
  }
  return new Blob(parts)
}

function isoOf (at: number): string {
  return new Date(at).toISOString()
}
