import type { ChatDone, Receipt } from '../api/types.ts'
import type { Failure } from '../api/failure.ts'

/** A page of a PDF document. */
export interface DocumentPage {
  /** The bytes of the document are in the database under this key. */
  document: string
  /** The name of the file. */
  file: string
  /** From 1. */
  number: number
  /** The number of pages of the document. */
  of: number
}

/** An image of a turn. Its bytes are in the database under `key`, unless it is a page of a document. */
export interface StoredImage {
  key: string
  name: string
  /** The media type, detected from the bytes: image/…, or application/pdf for a page. */
  type: string
  bytes: number
  /** Pixels after EXIF rotation; null when the browser cannot decode the image. */
  width: number | null
  height: number | null
  /** The service's id of the image, `sha256:…`; null until it was sent. */
  id: string | null
  /** Absent for a file that is one image. */
  page?: DocumentPage
}

export interface Question {
  id: string
  role: 'user'
  text: string
  /** The name is part of stored and exported data. */
  pictures: StoredImage[]
  at: number
  /** The format that belongs to a sample; other questions are answered in the chosen one. */
  format?: Format
}

/** The requested format: text, any JSON object, or JSON that matches a schema (JSON text). */
export type Format = { type: 'text' } | { type: 'object' } | { type: 'schema', schema: string }

/** The text that a model wrote before its answer. It is never sent back to the service. */
export interface Thoughts {
  text: string
  /** The time from the first thought to the answer, or to the end if there is no answer. */
  ms: number
}

export interface Answer {
  id: string
  role: 'assistant'
  text: string
  at: number
  /** `interrupted`: the page was closed before the answer was complete. */
  state: 'running' | 'done' | 'stopped' | 'failed' | 'interrupted'
  format: Format
  failure: Failure | null
  /** Receipts of the images sent with the question, as far as they have arrived. */
  receipts: Receipt[]
  done: ChatDone | null
  /** Absent without thoughts, and in answers that earlier versions of the page stored. */
  thoughts?: Thoughts
}

export type Turn = Question | Answer

/** Turns alternate between question and answer and start with a question. */
export interface Conversation {
  id: string
  title: string
  turns: Turn[]
  createdAt: number
  updatedAt: number
}

const TITLE_MAX = 60

/** A random id for the database. Pages served without TLS have no `crypto.randomUUID`. */
export function newId (): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), byte => byte.toString(16).padStart(2, '0')).join('')
}

export function newConversation (): Conversation {
  const now = Date.now()
  return { id: newId(), title: '', turns: [], createdAt: now, updatedAt: now }
}

export function newQuestion (text: string, images: readonly StoredImage[], format?: Format): Question {
  return { id: newId(), role: 'user', text, pictures: [...images], at: Date.now(), ...format && { format } }
}

export function newAnswer (format: Format): Answer {
  return {
    id: newId(),
    role: 'assistant',
    text: '',
    at: Date.now(),
    state: 'running',
    format,
    failure: null,
    receipts: [],
    done: null
  }
}

/** The title in the list: the first words of the first question, or the name of its first image. */
export function titleOf ({ turns }: Pick<Conversation, 'turns'>): string {
  const first = turns[0]
  if (first?.role !== 'user') return ''
  const words = first.text.replace(/\s+/g, ' ').trim() || first.pictures[0]?.name || ''
  const characters = Array.from(words)
  return characters.length > TITLE_MAX ? `${characters.slice(0, TITLE_MAX - 1).join('')}…` : words
}

export interface HistoryTurn { role: 'user' | 'assistant', content: string, images?: string[] }

/**
 * The earlier exchanges, as the service expects them: without thoughts. Questions without any answer text are left out,
 * because the model never saw them.
 */
export function historyOf (turns: readonly Turn[]): HistoryTurn[] {
  const history: HistoryTurn[] = []
  for (const [question, answer] of exchangesOf(turns)) {
    if (answer === null || answer.text === '') continue
    const ids = question.pictures.flatMap(({ id }) => id ?? [])
    history.push({ role: 'user', content: question.text, ...ids.length > 0 && { images: ids } }, {
      role: 'assistant', content: answer.text
    })
  }
  return history
}

export function exchangesOf (turns: readonly Turn[]): Array<[Question, Answer | null]> {
  return turns.flatMap((turn, i) => {
    if (turn.role !== 'user') return []
    const next = turns[i + 1]
    return [[turn, next?.role === 'assistant' ? next : null] as [Question, Answer | null]]
  })
}

/** The key of the bytes of an image. Pages of a document share them. */
export function bytesKeyOf ({ key, page }: Pick<StoredImage, 'key' | 'page'>): string {
  return page?.document ?? key
}

export function imagesOf (turns: readonly Turn[]): StoredImage[] {
  return turns.flatMap(turn => turn.role === 'user' ? turn.pictures : [])
}

/** A copy of the turns in which one turn is changed. */
export function withTurn<T extends Turn> (turns: readonly Turn[], id: string, change: (turn: T) => T): Turn[] {
  return turns.map(turn => turn.id === id ? change(turn as T) : turn)
}

/**
 * Adds the ids and sizes from receipts to a question. Receipts arrive in the order in which images were sent, and the
 * images of the question come first.
 */
export function withReceipts (question: Question, receipts: readonly Receipt[]): Question {
  return {
    ...question,
    pictures: question.pictures.map((image, i) => {
      const receipt = receipts[i]
      return receipt === undefined ? image : { ...image, id: receipt.id, ...receipt.original }
    })
  }
}
