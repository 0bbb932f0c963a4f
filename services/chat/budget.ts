import { ImagesDoNotFitError, PromptTooLongError } from '../../errors/catalogue.ts'
import { planImages, smallestTokens, type PlanBounds, type PlanImage, type PlannedSize } from '../images/plan.ts'

export interface BudgetInput {
  /** KV cells of a slot. */
  contextSize: number
  /** The rendered conversation without its images. */
  textTokens: number
  /** Images of earlier turns: their embeddings are all that is left of them, so their size is fixed. */
  historyTokens: number
  /** Most tokens of the answer, as asked. */
  maxTokens: number
  /** The images that came with the request. */
  uploads: PlanImage[]
  bounds: PlanBounds
}

/** The answer keeps at most this part of the context free when images compete for it. */
const ANSWER_SHARE = 0.25

/**
 * Shares a slot's cells among text, images and the answer, and sizes the request's images to fit.
 * @returns the size of each upload
 * @throws PromptTooLongError when text and earlier images alone do not fit; ImagesDoNotFitError when the uploads do not fit
 *   even at their smallest
 */
export function planBudget (
  { contextSize, textTokens, historyTokens, maxTokens, uploads, bounds }: BudgetInput
): PlannedSize[] {
  // One cell stays empty, and at least one token is to be generated.
  const usable = contextSize - 2
  const fixed = textTokens + historyTokens
  if (fixed > usable) throw new PromptTooLongError(fixed, usable)
  if (uploads.length === 0) return []

  const reserve = Math.min(maxTokens, Math.floor(contextSize * ANSWER_SHARE))
  const budget = usable - fixed - reserve
  const plan = planImages(uploads, bounds, budget)
  if (plan === null) throw new ImagesDoNotFitError(smallestTokens(uploads, bounds), Math.max(budget, 0))
  return plan.images
}
