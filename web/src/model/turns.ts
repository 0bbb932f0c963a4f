import { exchangesOf, type Turn } from './conversation.ts'

/**
 * The turns of before, with what has come to be since: questions that were not there then follow at the end, and an answer that has grown stays grown.
 */
export function withTurnsSince (before: readonly Turn[], now: readonly Turn[]): Turn[] {
  const known = new Set(before.map(({ id }) => id))
  const latest = new Map(now.map(turn => [turn.id, turn]))
  return [
    ...before.map(turn => {
      const later = latest.get(turn.id)
      // A question that was put into other words since has its old words back.
      return later !== undefined && (turn.role === 'assistant' || later.text === turn.text) ? later : turn
    }),
    ...exchangesOf(now).flatMap(([question, answer]) =>
      known.has(question.id) ? [] : [question, ...answer ? [answer] : []])
  ]
}
