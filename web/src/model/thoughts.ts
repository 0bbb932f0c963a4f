import type { Key, Message } from '../i18n/index.ts'
import type { Answer, Conversation } from './conversation.ts'

/** The text that a model wrote before its answer. It is never sent back to the service. */
export interface Thoughts {
  text: string
  /** The time from the first thought to the answer, or to the end if there is no answer. */
  ms: number
}

/** False for thoughts without a word: some models open and close them at once. */
export function hasThoughts ({ thoughts }: Answer): boolean {
  return thoughts !== undefined && thoughts.text.trim() !== ''
}

export function haveThoughts (conversations: readonly Conversation[]): boolean {
  return conversations.some(({ turns }) => turns.some(turn => turn.role === 'assistant' && hasThoughts(turn)))
}

/** The sentence about complete thoughts. */
export function thoughtFor ({ ms }: Thoughts): Message {
  const seconds = Math.round(ms / 1000)
  return seconds === 0 ? { key: 'thoughts.doneSoon' } : { key: 'thoughts.done', values: { seconds } }
}

/** The sentence about a stopped answer, which may have ended within its thoughts. */
export function stoppedKey (answer: Answer): Key {
  return answer.text === '' && hasThoughts(answer) ? 'turn.stoppedThinking' : 'turn.stopped'
}
