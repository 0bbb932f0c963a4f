/** The thoughts of one exchange with an upstream. */
export interface ThoughtPlan {
  /** The upstream is asked to think. */
  wanted: boolean
  /** Maximum number of thought tokens that the upstream is asked for; 0 to say nothing about it. */
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
  /** `max_tokens` of the request: upstreams count thoughts as part of the answer. */
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

/**
 * Plans the thoughts of an exchange.
 * @param alwaysThinks the upstream thought before although it was asked not to
 */
export function planThoughts (
  attempt: Attempt, { wanted, unwanted }: ThoughtLimits, alwaysThinks: boolean
): ThoughtPlan {
  if (attempt === 'patient' || alwaysThinks) {
    return { wanted: wanted > 0, budget: wanted || unwanted, limit: Math.max(wanted, unwanted), patient: true }
  }
  const limit = attempt === 'without thoughts' ? 0 : wanted
  return { wanted: limit > 0, budget: limit, limit, patient: false }
}

/**
 * Divides the room behind a prompt as the local engine does: thoughts leave room for the answer, or half of the room
 * if the answer may be longer than that.
 * @param room tokens that remain for thoughts and answer, at least 1
 */
export function divideRoom (plan: ThoughtPlan, maxTokens: number, room: number): Limits {
  const limit = Math.min(plan.limit, room - Math.min(maxTokens, Math.ceil(room / 2)))
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
