import type { Key, Message } from '../i18n/index.ts'
import type { Answer, Conversation, Thoughts } from './conversation.ts'

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
