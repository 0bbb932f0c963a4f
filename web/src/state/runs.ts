import { signal, type Signal } from '@preact/signals'
import type { Answer } from '../model/conversation.ts'

/** The progress of a question. */
export type Stage =
  | { name: 'waiting', seconds: number, why: 'busy' | 'notReady' }
  | { name: 'uploading', sent: number, total: number }
  | { name: 'preparing', images: number }
  | { name: 'encoding', done: number, total: number }
  | { name: 'reading', done: number, total: number }
  | { name: 'thinking', since: number }
  | { name: 'answering' }

/**
 * A question that is being answered. The answer grows in `answer` and is copied to the conversation from time to time.
 */
export interface Run {
  conversation: string
  stage: Signal<Stage>
  answer: Signal<Answer>
  /** Aborts at any stage. */
  stop (): void
  /** Ends the wait before a retry. */
  retryNow (): void
}

/** The running questions by conversation, at most one each. */
export const runs = signal<ReadonlyMap<string, Run>>(new Map())

/** The run that produces an answer; undefined when the answer is not running. */
export function runOf (conversation: string, answer: Answer): Run | undefined {
  const run = runs.value.get(conversation)
  return run?.answer.peek().id === answer.id ? run : undefined
}

export function setRun (run: Run): void {
  runs.value = new Map(runs.value).set(run.conversation, run)
}

export function endRun (conversation: string): void {
  const left = new Map(runs.value)
  left.delete(conversation)
  runs.value = left
}
