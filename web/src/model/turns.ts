import { exchangesOf, type Turn } from './conversation.ts'

/**
 * Restores earlier turns without losing newer ones. Exchanges that were added since are appended, and answers that have
 * grown stay complete.
 */
export function withTurnsSince (before: readonly Turn[], now: readonly Turn[]): Turn[] {
  const known = new Set(before.map(({ id }) => id))
  const latest = new Map(now.map(turn => [turn.id, turn]))
  return [
    ...before.map(turn => {
      const later = latest.get(turn.id)
      // A question that was edited since gets its earlier text back.
      return later !== undefined && (turn.role === 'assistant' || later.text === turn.text) ? later : turn
    }),
    ...exchangesOf(now).flatMap(([question, answer]) =>
      known.has(question.id) ? [] : [question, ...answer ? [answer] : []])
  ]
}
