import type { Conversation } from './conversation.ts'

export type Days = 'today' | 'yesterday' | 'week' | 'older'

/** Groups conversations by the age of their last change. The input is sorted by that age; empty groups are left out. */
export function groupByDays (conversations: readonly Conversation[], now: Date): Array<[Days, Conversation[]]> {
  const groups = new Map<Days, Conversation[]>()
  const since = (days: number) => new Date(now.getFullYear(), now.getMonth(), now.getDate() - days).getTime()
  const [today, yesterday, week] = [since(0), since(1), since(6)]
  for (const conversation of conversations) {
    const at = conversation.updatedAt
    const days = at >= today ? 'today' : at >= yesterday ? 'yesterday' : at >= week ? 'week' : 'older'
    const group = groups.get(days)
    if (group) group.push(conversation)
    else groups.set(days, [conversation])
  }
  return [...groups]
}
