import type { Status } from '../api/types.ts'

/** Whether a model thinks before it answers: never, if a question wants it, or always. */
export type ThinkingMode = Status['model']['thinking']

export interface Thinking {
  /** The switch next to the question; it has no effect on a model that always thinks. */
  isOn: boolean
  /** The maximum number of tokens of the thoughts; null for as many as the service allows. */
  tokens: number | null
}

export interface ThinkingAbility {
  mode: ThinkingMode
  /** The maximum number of thought tokens that the service accepts. */
  maxTokens: number
}

/** The greatest number of the field `thinking`, for services that do not report their own limit. */
const MOST_TOKENS = 131_072

/** @param status null while it is unknown */
export function abilityOf (
  status: { model: Pick<Status['model'], 'thinking'>, limits: Status['limits'] } | null
): ThinkingAbility {
  const maxTokens = status?.limits.max_thinking_tokens ?? MOST_TOKENS
  return { mode: maxTokens === 0 ? 'never' : status?.model.thinking ?? 'never', maxTokens }
}

/** The value of the field `thinking`; null to leave it out. */
export function thinkingField ({ isOn, tokens }: Thinking, { mode, maxTokens }: ThinkingAbility): string | null {
  const budget = tokens === null ? null : String(Math.min(tokens, maxTokens))
  // `off` is sent too, because the service may think by default.
  if (mode === 'optional') return isOn ? budget ?? 'on' : 'off'
  return mode === 'always' ? budget : null
}
