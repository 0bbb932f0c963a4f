import type { Refusal } from './failure.ts'
import type { ThoughtPlan } from './thought-plan.ts'

/** The names of a budget. A server knows at most one or two of them, or all. */
const BUDGETS = ['thinking_budget_tokens', 'thinking_token_budget', 'thinking_budget', 'custom_params']
/** Precedes the largest allowed number in a refusal, e.g. of DashScope. */
const LARGEST = /(?:at most|less than or equal to|not (?:be )?(?:greater|larger) than|<=|\[\d+,)\s*(\d+)/i

export interface FieldsOptions {
  /** The upstream is a Sightline. */
  sightline: boolean
  /** Names of fields that the upstream refuses. */
  refused: ReadonlySet<string>
}

/**
 * Returns the fields that control thoughts, by name. The OpenAI API contains only `reasoning_effort`; the other fields
 * are extensions of servers. Servers ignore fields that they do not know, or refuse the request; `fieldsToDrop` reads
 * such a refusal.
 *
 * - `chat_template_kwargs`: vLLM, SGLang, llama-server and Sightline. It is the only switch that all four have.
 * - `reasoning_effort`: only for a server that refuses `chat_template_kwargs`, as OpenAI's does. The others need not
 *   have it; vLLM passes it to the chat template, and templates have scales of their own.
 * - `enable_thinking`: DashScope, which ignores `chat_template_kwargs` and therefore thinks although it should not.
 * - Budgets: `thinking_budget_tokens` of llama-server, `thinking_token_budget` of vLLM (needs `--reasoning-parser`),
 *   `custom_params` of SGLang (needs `--enable-strict-thinking`), `thinking_budget` of Sightline and DashScope.
 * - `continuous_usage_stats`: vLLM and SGLang then report the tokens so far in each chunk.
 */
export function thinkingFields (
  { wanted, budget, patient }: ThoughtPlan, { sightline, refused }: FieldsOptions
): Record<string, unknown> {
  const fields = {
    chat_template_kwargs: { enable_thinking: wanted },
    ...refused.has('chat_template_kwargs') && { reasoning_effort: wanted ? 'medium' : 'none' },
    ...patient && !sightline && { enable_thinking: wanted },
    ...budget > 0 && { thinking_budget: budget },
    ...budget > 0 && !sightline && {
      thinking_budget_tokens: budget,
      thinking_token_budget: budget,
      custom_params: { thinking_budget: budget },
      continuous_usage_stats: true
    }
  }
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !refused.has(name)))
}

/**
 * Returns the fields without which a refused request may be accepted: those that the refusal names. A server that
 * refuses `chat_template_kwargs` knows no field outside the OpenAI API, and one that refuses its own name of the budget
 * ignores the others.
 * @param sent the names of the fields of `thinkingFields`
 * @param unexplained the refusal gives no other reason that this service knows, so that any field can be the reason
 */
export function fieldsToDrop (refusal: Refusal, sent: string[], unexplained: boolean): string[] {
  if (!canConcernFields(refusal)) return []
  const named = namedIn(refusal, sent)
  if (named.length === 0) return unexplained ? sent : []
  if (named.includes('chat_template_kwargs')) return sent.filter(name => name !== 'reasoning_effort')
  const refusesBudget = named.some(name => BUDGETS.includes(name))
  return refusesBudget ? sent.filter(name => named.includes(name) || BUDGETS.includes(name)) : named
}

/** Returns whether a refusal is about the value of a field, so that the upstream may accept other values. */
export function isAboutValue ({ code }: Refusal): boolean {
  return code === 'INVALID_FIELD'
}

/**
 * Reads the largest budget that an upstream allows from a refusal of a larger one.
 * @param sent the names of the fields of `thinkingFields`
 * @returns null for any other refusal
 */
export function largestBudgetIn (refusal: Refusal, sent: string[], budget: number): number | null {
  if (!canConcernFields(refusal) || !namedIn(refusal, sent).some(name => BUDGETS.includes(name))) return null
  const { body: { limit }, message } = refusal
  const largest = typeof limit === 'number' ? limit : Number(LARGEST.exec(message)?.[1])
  return Number.isInteger(largest) && largest > 0 && largest < budget ? largest : null
}

function canConcernFields ({ status }: Refusal): boolean {
  return status === 400 || status === 422
}

function namedIn ({ body }: Refusal, sent: string[]): string[] {
  const words = new Set(JSON.stringify(body).match(/\w+/g))
  return sent.filter(name => words.has(name))
}
