import { ImagesDoNotFitError, PromptTooLongError } from '../../errors/catalogue.ts'
import { planImages, smallestTokens, type PlanBounds, type PlanImage, type PlannedSize } from '../images/plan.ts'
import { DEFAULT_MAX_TOKENS } from './request.ts'

export interface BudgetInput {
  /** KV cells of a sequence. */
  contextSize: number
  /** Tokens of the rendered conversation without its images. */
  textTokens: number
  /** Tokens of the images of earlier turns. Only their embeddings are left, so their size is fixed. */
  historyTokens: number
  /** Maximum tokens of the answer, as the client requested. */
  maxTokens: number
  /** Maximum tokens of the thoughts. */
  thinkingTokens: number
  /** The images of this request. */
  uploads: PlanImage[]
  bounds: PlanBounds
}

/** Images leave at most this share of the context to the answer, and as much to its thoughts. */
const ANSWER_SHARE = 0.25

/** Returns the tokens that images can have next to a short question with the usual `max_tokens` and no thoughts. */
export function usualImageTokens (contextSize: number): number {
  return contextSize - 2 - Math.min(DEFAULT_MAX_TOKENS, Math.floor(contextSize * ANSWER_SHARE))
}

/**
 * Divides the cells of a sequence among text, images, thoughts and the answer, and sizes the request's images to fit.
 * @returns the size of each upload
 * @throws PromptTooLongError when text and earlier images alone do not fit; ImagesDoNotFitError when the uploads do not
 *   fit even at their smallest sizes
 */
export function planBudget (
  { contextSize, textTokens, historyTokens, maxTokens, thinkingTokens, uploads, bounds }: BudgetInput
): PlannedSize[] {
  // One cell stays empty, and the answer needs at least one token.
  const usable = contextSize - 2
  const fixed = textTokens + historyTokens
  if (fixed > usable) throw new PromptTooLongError(fixed, usable)
  if (uploads.length === 0) return []

  const share = Math.floor(contextSize * ANSWER_SHARE)
  const reserve = Math.min(maxTokens, share) + Math.min(thinkingTokens, share)
  const budget = usable - fixed - reserve
  const plan = planImages(uploads, bounds, budget)
  if (plan === null) throw new ImagesDoNotFitError(smallestTokens(uploads, bounds), Math.max(budget, 0))
  return plan.images
}
