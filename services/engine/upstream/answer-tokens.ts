import type { Ending } from './completion.ts'
import { estimateTokens } from './estimate.ts'
import type { TokenTally } from './token-tally.ts'

export interface AnswerTokens { thinkingTokens: number, completionTokens: number }

/** The texts of an exchange that were passed on, and their tokens. */
export interface PassedOn { thoughts: string, text: string, tally: Pick<TokenTally, 'thoughts' | 'answer'> }

/**
 * Divides the tokens of a complete answer, in which upstreams count thoughts as part of the answer. Estimates replace
 * the counts that the upstream omits.
 */
export function tokensOf (
  { completionTokens: total, thinkingTokens: reported = 0 }: Ending['usage'], { thoughts, text, tally }: PassedOn
): AnswerTokens {
  if (total === undefined) {
    return { thinkingTokens: reported || estimateTokens(thoughts), completionTokens: estimateTokens(text) }
  }
  const share = thoughts === '' ? 0 : tally.thoughts / (tally.thoughts + tally.answer)
  const thinkingTokens = reported || Math.round(total * share)
  return { thinkingTokens, completionTokens: Math.max(0, total - thinkingTokens) }
}
