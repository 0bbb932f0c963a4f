import { signal } from '@preact/signals'
import { ask } from '../api/ask.ts'
import { AskError, networkFailure, type Failure } from '../api/failure.ts'
import type { ChatDone } from '../api/types.ts'
import { locale } from '../i18n/index.ts'
import {
  bytesKeyOf, newAnswer, newQuestion, withReceipts, withTurn, type Answer, type Format, type StoredImage, type Question,
  type Thoughts, type Turn
} from '../model/conversation.ts'
import { formOf } from '../model/form.ts'
import { hasThoughts } from '../model/thoughts.ts'
import { saveImage } from '../storage/database.ts'
import { changeTurns, findConversation, keep, removeTurns } from './conversations.ts'
import { imageBytes } from './image-urls.ts'
import { endRun, runs, setRun, type Stage } from './runs.ts'
import { thinkingAbility, watchService } from './service.ts'
import { settings } from './settings.ts'
import { waitUntil } from './wait.ts'

/** Error codes after which the same request may succeed. */
const BUSY = ['SERVER_BUSY', 'QUEUE_TIMEOUT', 'OVERLOADED', 'RATE_LIMITED', 'SHUTTING_DOWN']
const NOT_READY = ['ENGINE_NOT_READY']
const DEFAULT_RETRY_SECONDS = 2
const KEEP_MS = 1_000

export interface NewImage extends StoredImage { blob: Blob }

/**
 * Asks a new question at the end of a conversation.
 * @param format that of a sample, which also applies when it is answered again; by default, the user's choice applies
 */
export function askQuestion (
  conversation: string, text: string, images: readonly NewImage[], format?: Format
): void {
  const question = newQuestion(
    text,
    images.map(({ key, name, type, bytes, width, height, page }) =>
      ({ key, name, type, bytes, width, height, id: null, ...page && { page } })),
    format
  )
  const blobs = new Map(images.map(image => [bytesKeyOf(image), image.blob]))
  for (const [key, blob] of blobs) void keep(saveImage(conversation, key, blob))
  void run(conversation, findConversation(conversation)?.turns ?? [], question)
}

/**
 * Answers a question again, with new text if given. New text makes a sample a question of the user's own, for which the
 * chosen format applies. The turns after it are removed, which can be undone.
 */
export function askAgain (conversation: string, questionId: string, text?: string): void {
  const turns = findConversation(conversation)?.turns ?? []
  const index = turns.findIndex(({ id }) => id === questionId)
  const old = turns[index]
  if (old?.role !== 'user' || runs.value.has(conversation)) return
  const before = turns.slice(0, index)
  const isWorthKeeping =
    turns.slice(index + 1).some(turn => turn.text !== '' || (turn.role === 'assistant' && hasThoughts(turn)))
  if (isWorthKeeping) removeTurns(conversation, () => before, 'turn.replaced')
  const { format: _, ...own } = old
  void run(conversation, before, { ...text === undefined ? old : { ...own, text }, at: Date.now() })
}

async function run (conversation: string, before: readonly Turn[], question: Question): Promise<void> {
  const format = question.format ?? settings.value.format
  const first = newAnswer(format)
  const answer = signal(first)
  const stage = signal<Stage>({ name: 'uploading', sent: 0, total: 0 })
  const stopping = new AbortController()
  let wake = () => {}
  changeTurns(conversation, () => [...before, question, first])
  setRun({ conversation, stage, answer, stop: () => stopping.abort(), retryNow: () => wake() })
  let keptAt = Date.now()

  function keepNowAndThen (): void {
    if (Date.now() - keptAt < KEEP_MS) return
    keptAt = Date.now()
    changeTurns(conversation, turns => withTurn<Answer>(turns, first.id, () => answer.value), { touch: false })
  }

  try {
    const done = await untilAnswered(async resend => {
      answer.value = first
      const form = await formOf({
        question,
        before,
        resend,
        settings: settings.value,
        format,
        ability: thinkingAbility.value,
        bytesOf: imageBytes
      })
      stopping.signal.throwIfAborted()
      stage.value = { name: 'uploading', sent: 0, total: 0 }
      return await ask(form, locale.value, {
        onUpload: (sent, total) => { stage.value = { name: 'uploading', sent, total } },
        onSent: () => {
          if (stage.value.name === 'uploading') stage.value = { name: 'preparing', images: question.pictures.length }
        },
        onReceipt: receipt => { answer.value = { ...answer.value, receipts: [...answer.value.receipts, receipt] } },
        onProgress: (name, done, total) => {
          stage.value = { name: name === 'encode' ? 'encoding' : 'reading', done, total }
        },
        onThought: text => {
          if (stage.value.name !== 'thinking') stage.value = { name: 'thinking', since: Date.now() }
          answer.value = { ...answer.value, thoughts: thoughtsNow(text) }
          keepNowAndThen()
        },
        onText: text => {
          answer.value = { ...answer.value, text: answer.value.text + text, thoughts: thoughtsNow() }
          if (stage.value.name !== 'answering') stage.value = { name: 'answering' }
          keepNowAndThen()
        }
      }, stopping.signal)
    })
    const { thoughts } = answer.value
    answer.value = {
      ...answer.value,
      state: 'done',
      done,
      receipts: done.images,
      ...thoughts && { thoughts: { ...thoughts, ms: done.timings.thinking_ms } }
    }
  } catch (error) {
    const soFar: Answer = { ...answer.value, thoughts: thoughtsNow() }
    answer.value = stopping.signal.aborted
      ? { ...soFar, state: 'stopped' }
      : { ...soFar, state: 'failed', failure: toFailure(error) }
  }
  endRun(conversation)
  changeTurns(conversation, turns => withTurn<Answer>(
    withTurn<Question>(turns, question.id, it => withReceipts(it, answer.value.receipts)), first.id, () => answer.value
  ))
  void watchService()

  /** The thoughts up to now, with one more piece. While the model thinks, their time is that of the page's clock. */
  function thoughtsNow (piece = ''): Thoughts | undefined {
    const { thoughts } = answer.value
    if (stage.value.name !== 'thinking') return thoughts
    return { text: (thoughts?.text ?? '') + piece, ms: Date.now() - stage.value.since }
  }

  /** Repeats the request while the service is busy, and sends expired images again. */
  async function untilAnswered (attempt: (resend: ReadonlySet<string>) => Promise<ChatDone>): Promise<ChatDone> {
    let resend: ReadonlySet<string> = new Set()
    while (true) {
      try {
        return await attempt(resend)
      } catch (error) {
        const { code = '', retryAfterSeconds = null, ids = [] } = error instanceof AskError ? error.failure : {}
        if (code === 'IMAGE_EXPIRED' && ids.some(id => !resend.has(id))) {
          resend = new Set([...resend, ...ids])
        } else if (
          error instanceof AskError && error.failure.status !== 200 && [...BUSY, ...NOT_READY].includes(code)
        ) {
          await countDown(retryAfterSeconds ?? DEFAULT_RETRY_SECONDS, NOT_READY.includes(code) ? 'notReady' : 'busy')
        } else {
          throw error
        }
      }
    }
  }

  async function countDown (from: number, why: 'busy' | 'notReady'): Promise<void> {
    const woken = new Promise<void>(resolve => { wake = resolve })
    await waitUntil(
      Math.max(1, from), seconds => { stage.value = { name: 'waiting', seconds, why } }, woken, stopping.signal
    )
  }
}

function toFailure (error: unknown): Failure {
  if (error instanceof AskError) return error.failure
  console.error(error)
  return { ...networkFailure(), code: 'PAGE', sentence: String(error instanceof Error ? error.message : error) }
}
