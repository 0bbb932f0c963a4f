import { signal, type Signal } from '@preact/signals'
import type { Answer } from '../model/conversation.ts'

/** How far a question has come. */
export type Stage =
  | { name: 'waiting', seconds: number, why: 'busy' | 'notReady' }
  | { name: 'uploading', sent: number, total: number }
  | { name: 'preparing', images: number }
  | { name: 'encoding', done: number, total: number }
  | { name: 'reading', done: number, total: number }
  | { name: 'answering' }

/** A question that is being answered. `answer` grows here; the conversation has it when it is complete. */
export interface Run {
  conversation: string
  stage: Signal<Stage>
  answer: Signal<Answer>
  /** At every stage, at once. */
  stop (): void
  /** Ends the wait of a busy service. */
  retryNow (): void
}

/** By conversation: each may have one. */
export const runs = signal<ReadonlyMap<string, Run>>(new Map())

/** The answer as it is now: of the run while there is one. */
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
