import type { ChatDone, Receipt } from '../api/types.ts'
import type { Failure } from '../api/failure.ts'

/** A picture as a turn names it; its bytes lie in the database under `key`. */
export interface StoredImage {
  key: string
  name: string
  /** Of the file, as its bytes tell it; image/… */
  type: string
  bytes: number
  /** Pixels, upright; null where the browser cannot read it. */
  width: number | null
  height: number | null
  /** `sha256:…`, by which the service knows it; null until it was sent. */
  id: string | null
}

export interface Question {
  id: string
  role: 'user'
  text: string
  pictures: StoredImage[]
  at: number
}

/** What the answer was to be: text, any JSON object, or one that obeys a schema (JSON text). */
export type Format = { type: 'text' } | { type: 'object' } | { type: 'schema', schema: string }

export interface Answer {
  id: string
  role: 'assistant'
  text: string
  at: number
  /** `interrupted`: the page was closed while it came. */
  state: 'running' | 'done' | 'stopped' | 'failed' | 'interrupted'
  format: Format
  failure: Failure | null
  /** Of the pictures that were sent with it, as far as they have come. */
  receipts: Receipt[]
  done: ChatDone | null
}

export type Turn = Question | Answer

/** Questions and answers take turns; the first is a question. */
export interface Conversation {
  id: string
  title: string
  turns: Turn[]
  createdAt: number
  updatedAt: number
}

const TITLE_MAX = 60

/** Ids for the database: `crypto.randomUUID` is only for pages that came over TLS. */
export function newId (): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), byte => byte.toString(16).padStart(2, '0')).join('')
}

export function newConversation (): Conversation {
  const now = Date.now()
  return { id: newId(), title: '', turns: [], createdAt: now, updatedAt: now }
}

export function newQuestion (text: string, images: readonly StoredImage[]): Question {
  return { id: newId(), role: 'user', text, pictures: [...images], at: Date.now() }
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

/** What a conversation is called in the list: its first words, or its first picture's name. */
export function titleOf ({ turns }: Pick<Conversation, 'turns'>): string {
  const first = turns[0]
  if (first?.role !== 'user') return ''
  const words = first.text.replace(/\s+/g, ' ').trim() || first.pictures[0]?.name || ''
  const characters = Array.from(words)
  return characters.length > TITLE_MAX ? `${characters.slice(0, TITLE_MAX - 1).join('')}…` : words
}

export interface HistoryTurn { role: 'user' | 'assistant', content: string, images?: string[] }

/** The exchanges before a question, for the service. Questions that got no word of an answer are left out: the model knows nothing of them. */
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

export function imagesOf (turns: readonly Turn[]): StoredImage[] {
  return turns.flatMap(turn => turn.role === 'user' ? turn.pictures : [])
}

/** The turns with one of them changed. */
export function withTurn<T extends Turn> (turns: readonly Turn[], id: string, change: (turn: T) => T): Turn[] {
  return turns.map(turn => turn.id === id ? change(turn as T) : turn)
}

/** Receipts come in the order in which pictures were sent: those of the question first. */
export function withReceipts (question: Question, receipts: readonly Receipt[]): Question {
  return {
    ...question,
    pictures: question.pictures.map((image, i) => {
      const receipt = receipts[i]
      return receipt === undefined ? image : { ...image, id: receipt.id, ...receipt.original }
    })
  }
}
