import type { Status } from '../api/types.ts'

/** Whether a model thinks before it answers: never, if a question wants it, or always. */
export type ThinkingMode = Status['model']['thinking']

export interface Thinking {
  /**
   * The switch next to the question; null while it was never used. It has no effect on a model that always thinks.
   */
  isOn: boolean | null
  /** The maximum number of tokens of the thoughts; null for as many as the service allows. */
  tokens: number | null
}

export interface ThinkingAbility {
  mode: ThinkingMode
  /** The maximum number of thought tokens that the service accepts. */
  maxTokens: number
  /** Questions that do not say it get thoughts. */
  isDefault: boolean
}

/** The greatest number of the field `thinking`, for services that do not report their own limit. */
const MOST_TOKENS = 131_072

/** @param status null while it is unknown */
export function abilityOf (
  status: { model: Pick<Status['model'], 'thinking'>, limits: Status['limits'] } | null
): ThinkingAbility {
  const maxTokens = status?.limits.max_thinking_tokens ?? MOST_TOKENS
  const isDefault = (status?.limits.default_thinking_tokens ?? 0) > 0
  return { mode: maxTokens === 0 ? 'never' : status?.model.thinking ?? 'never', maxTokens, isDefault }
}

/** Whether the switch is on. */
export function isThinkingOn ({ isOn }: Thinking, { isDefault }: ThinkingAbility): boolean {
  return isOn ?? isDefault
}

/** The value of the field `thinking`; null to leave it out, so that the service decides. */
export function thinkingField (thinking: Thinking, ability: ThinkingAbility): string | null {
  const { isOn, tokens } = thinking
  const budget = tokens === null ? null : String(Math.min(tokens, ability.maxTokens))
  if (ability.mode === 'always') return budget
  if (ability.mode === 'never') return null
  if (!isThinkingOn(thinking, ability)) return isOn === null ? null : 'off'
  return budget ?? (isOn === null ? null : 'on')
}
