import { thoughtRoom } from '../thought-room.ts'
import type { UpstreamThinking } from './upstream-thinking.ts'

/** The thoughts of one exchange with an upstream. */
export interface ThoughtPlan {
  /** The upstream is asked to think. */
  wanted: boolean
  /** Maximum number of thought tokens in the request to the upstream; 0: the request contains no maximum. */
  budget: number
  /** The exchange is closed above this number of thought tokens. 0: at the first thought. */
  limit: number
  /** The upstream thinks whatever it is asked, so closing the exchange leads to no answer. */
  patient: boolean
}

/** A plan within the context of the upstream. */
export interface Limits extends ThoughtPlan {
  /** Maximum number of tokens of the answer, without its thoughts. */
  answer: number
  /** `max_tokens` of the request to the upstream. */
  total: number
}

/** How often thoughts have kept an upstream from answering this request. */
export type Attempt = 'as requested' | 'without thoughts' | 'patient'

export interface ThoughtLimits {
  /** The limit of the request; 0 for no thoughts. */
  wanted: number
  /** The limit of thoughts that an upstream thinks although they are off. */
  unwanted: number
}

/** The properties of an upstream that determine the plan. */
export interface Planned {
  sightline: boolean
  thinking: Pick<UpstreamThinking, 'alwaysThinks' | 'maxTokens'>
}

/**
 * Plans an exchange.
 * @param maxTokens limit of the answer
 * @param room tokens that remain for thoughts and answer, at least 1
 */
export function planExchange (
  { sightline, thinking }: Planned, attempt: Attempt, { wanted, unwanted }: ThoughtLimits, maxTokens: number,
  room: number
): Limits {
  const thoughts = { wanted: Math.min(wanted, thinking.maxTokens), unwanted }
  if (sightline) return limitsOfSightline(attempt === 'without thoughts' ? 0 : thoughts.wanted, maxTokens)
  return divideRoom(planThoughts(attempt, thoughts, thinking), maxTokens, room)
}

/**
 * A Sightline keeps both limits itself, within its own context, and `max_tokens` does not include thoughts. A model
 * behind it that always thinks answers nevertheless.
 */
function limitsOfSightline (budget: number, maxTokens: number): Limits {
  return { wanted: budget > 0, budget, limit: Infinity, patient: true, answer: maxTokens, total: maxTokens }
}

function planThoughts (
  attempt: Attempt, { wanted, unwanted }: ThoughtLimits, { alwaysThinks, maxTokens }: Planned['thinking']
): ThoughtPlan {
  if (attempt === 'patient' || alwaysThinks) {
    const budget = wanted || Math.min(unwanted, maxTokens)
    return { wanted: wanted > 0, budget, limit: Math.max(wanted, unwanted), patient: true }
  }
  const limit = attempt === 'without thoughts' ? 0 : wanted
  return { wanted: limit > 0, budget: limit, limit, patient: false }
}

/** Divides the room behind a prompt as the local engine does. Here `max_tokens` includes thoughts. */
function divideRoom (plan: ThoughtPlan, maxTokens: number, room: number): Limits {
  const limit = Math.min(plan.limit, thoughtRoom(maxTokens, room))
  return {
    ...plan,
    wanted: plan.wanted && limit > 0,
    budget: Math.min(plan.budget, limit),
    limit,
    answer: Math.min(maxTokens, room),
    total: Math.min(maxTokens + limit, room)
  }
}

/** Returns the next attempt after an exchange whose thoughts kept the upstream from answering; null if none is left. */
export function nextAttempt ({ limit, patient }: ThoughtPlan): Attempt | null {
  if (patient) return null
  return limit === 0 ? 'patient' : 'without thoughts'
}
