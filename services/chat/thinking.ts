import type { Effort } from '../../config/values.ts'
import { InvalidFieldError, ThinkingNotSupportedError, withDetails } from '../../errors/catalogue.ts'
import { THINKING_FAULTS } from '../../errors/phrases.ts'
import type { EngineInfo } from '../engine/engine.ts'

/** The thinking that a request asks for. */
export interface ThinkingWish {
  /** The field that asks, for errors. */
  field: string
  /** A number is the maximum of thought tokens. */
  amount: 'off' | 'on' | Effort | number
}

export interface ThinkingLimits {
  /** For requests that do not ask. It has no effect on a model that cannot think. */
  usual: 'off' | 'on' | number
  /** Maximum number of thought tokens. */
  maxTokens: number
  /** Thought tokens of each effort. They are lowered to `maxTokens`. */
  effortTokens: Readonly<Record<Effort, number>>
}

/**
 * Returns the maximum number of thought tokens of an answer; 0 for no thoughts. A model that always thinks gets
 * `maxTokens` when a request wants no thoughts.
 * @param wish null if the request does not ask
 * @throws ThinkingNotSupportedError when the model cannot think, or the service forbids thoughts; InvalidFieldError for
 *   a number above the limit
 */
export function resolveThinking (
  wish: ThinkingWish | null, { thinking: mode, model }: Pick<EngineInfo, 'thinking' | 'model'>, limits: ThinkingLimits
): number {
  const { usual, maxTokens, effortTokens } = limits
  const amount = wish?.amount ?? usual
  if (amount === 'off') return mode === 'always' ? maxTokens : 0
  if (amount === 0) return 0
  if (mode === 'never') {
    if (wish === null) return 0
    throw new ThinkingNotSupportedError(wish.field, THINKING_FAULTS.cannot(model))
  }
  if (wish !== null && maxTokens === 0) throw new ThinkingNotSupportedError(wish.field, THINKING_FAULTS.forbidden)
  const tokens = amount === 'on' ? maxTokens : typeof amount === 'number' ? amount : effortTokens[amount]
  if (wish !== null && amount === tokens && tokens > maxTokens) {
    throw withDetails(new InvalidFieldError(wish.field, THINKING_FAULTS.tooMany(maxTokens)), { limit: maxTokens })
  }
  return Math.min(tokens, maxTokens)
}
