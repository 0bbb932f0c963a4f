import type { VisionInfo } from '../engine/engine.ts'

/**
 * Sizes of images as the model is to see them. Pure geometry, after `smart_resize` of Qwen2-VL
 * (transformers, image_processing_qwen2_vl.py): both sides become multiples of `multiple` pixels, the area stays within
 * bounds, the ratio as it is but for the rounding. Added to it: a longest side, and one budget for several images.
 */

/** Width and height in pixels. */
export interface Size {
  width: number
  height: number
}

/** An image to be sized, upright. */
export interface PlanImage extends Size {
  /** Longest side in pixels of this one, where it is to be below that of all. */
  maxSide?: number
}

export interface PlanBounds extends Pick<VisionInfo, 'multiple' | 'minTokens' | 'maxTokens'> {
  /** Longest side in pixels. */
  maxSide: number
  /** Largest area in pixels. */
  maxPixels: number
}

export interface FittedSize extends Size {
  tokens: number
}

export interface PlannedSize extends FittedSize {
  /** Smaller than it would be alone, because the images share one budget. */
  scaled: boolean
}

export interface Plan {
  /** In the order of the images given. */
  images: PlannedSize[]
  /** Of all images together. */
  tokens: number
  /** At least one image was made smaller for the budget. */
  scaled: boolean
}

// Halvings of an interval: enough to reach the precision of a double.
const BISECTIONS = 52

/**
 * The size of one image that is alone.
 *
 * Both sides are positive multiples of `multiple`. The upper bounds (`maxSide`, `maxPixels`, `maxTokens`) always hold,
 * as long as they leave room for one token; `minTokens` gives way where it cannot be had together with them, as with
 * long narrow images or when `minTokens` is almost `maxTokens`. An image below `minTokens` is enlarged.
 *
 * @param width upright pixels, at least 1
 * @param height upright pixels, at least 1
 */
export function fit (width: number, height: number, bounds: PlanBounds): FittedSize {
  const { multiple } = bounds
  const { size, side, area } = within(width, height, bounds)
  const clamp = (cells: number): number => Math.min(Math.max(cells, 1), side)

  const columns = clamp(roundHalfToEven(size.width / multiple))
  const rows = clamp(roundHalfToEven(size.height / multiple))
  if (columns * rows * multiple ** 2 > area) return shrink(width, height, bounds, area)
  if (columns * rows >= bounds.minTokens) return sized(columns, rows, multiple)

  const growth = Math.sqrt(bounds.minTokens * multiple ** 2 / (size.width * size.height))
  const moreColumns = clamp(Math.ceil(size.width * growth / multiple))
  const moreRows = clamp(Math.ceil(size.height * growth / multiple))
  if (moreColumns * moreRows * multiple ** 2 > area) return shrink(width, height, bounds, area)
  return sized(moreColumns, moreRows, multiple)
}

/**
 * The sizes of all images of a request, so that their tokens together are within the budget. Where they are not by
 * themselves, every area is scaled by one common factor, the largest that fits; no image goes below `minTokens`.
 *
 * @param images upright pixels
 * @param budgetTokens tokens that the context has left for images
 * @returns null when not even the smallest sizes fit (`smallestTokens` says how many tokens those take)
 */
export function planImages (images: PlanImage[], bounds: PlanBounds, budgetTokens: number): Plan | null {
  const ranges = images.map(image => rangeOf(image, bounds))
  const at = (factor: number): FittedSize[] => ranges.map(range => range.at(factor))
  const fits = (factor: number): boolean => totalTokens(at(factor)) <= Math.max(budgetTokens, 0)

  if (fits(1)) return toPlan(at(1), ranges)
  if (!fits(0)) return null
  return toPlan(at(bisect(fits, 0, 1)), ranges)
}

/** Tokens of all images together at the smallest sizes that `planImages` may give them. */
export function smallestTokens (images: PlanImage[], bounds: PlanBounds): number {
  return totalTokens(images.map(image => rangeOf(image, bounds).at(0)))
}

interface Range {
  full: FittedSize
  /** The size at a part (0 to 1) of the full area, but never below the smallest. Never falls as the factor rises. */
  at (factor: number): FittedSize
}

function rangeOf ({ width, height, maxSide = Infinity }: PlanImage, common: PlanBounds): Range {
  const bounds = { ...common, maxSide: Math.min(maxSide, common.maxSide) }
  const full = fit(width, height, bounds)
  const at = (factor: number): FittedSize => {
    if (factor >= 1) return full
    const { multiple } = bounds
    const size = shrink(width, height, bounds, factor * full.width * full.height)
    // Rounding may have made one side of the full size shorter than the true ratio.
    return sized(Math.min(size.width, full.width) / multiple, Math.min(size.height, full.height) / multiple, multiple)
  }
  const tooSmall = (factor: number): boolean => factor < 1 && at(factor).tokens < bounds.minTokens
  const smallest = tooSmall(0) ? bisect(tooSmall, 0, 1, 'above') : 0
  return { full, at: factor => at(Math.max(factor, smallest)) }
}

function toPlan (sizes: FittedSize[], ranges: Range[]): Plan {
  const images = sizes.map((size, i) => ({ ...size, scaled: size.tokens < ranges[i]!.full.tokens }))
  return { images, tokens: totalTokens(images), scaled: images.some(image => image.scaled) }
}

/** The largest size of that ratio, sides floored, with at most `area` pixels (but at least one token). */
function shrink (width: number, height: number, bounds: PlanBounds, area: number): FittedSize {
  const { multiple } = bounds
  const { size, side } = within(width, height, bounds)
  const beta = Math.sqrt(size.width * size.height / area)
  const clamp = (cells: number): number => Math.min(Math.max(cells, 1), side)
  let columns = clamp(Math.floor(size.width / beta / multiple))
  let rows = clamp(Math.floor(size.height / beta / multiple))

  // A side below one token was raised to one, which smart_resize lets grow past the area: the other side pays.
  const most = Math.max(1, Math.floor(area / multiple ** 2))
  if (columns * rows > most) {
    if (columns > rows) columns = Math.max(1, Math.floor(most / rows))
    else rows = Math.max(1, Math.floor(most / columns))
  }
  return sized(columns, rows, multiple)
}

/** The image scaled down to the longest side, in real numbers; that side in tokens; the largest area in pixels. */
function within (width: number, height: number, bounds: PlanBounds): { size: Size, side: number, area: number } {
  const { multiple } = bounds
  const side = Math.max(1, Math.floor(bounds.maxSide / multiple))
  const area = Math.max(multiple ** 2, Math.min(bounds.maxPixels, bounds.maxTokens * multiple ** 2))
  const scale = Math.min(1, side * multiple / Math.max(width, height))
  return { size: { width: width * scale, height: height * scale }, side, area }
}

function sized (columns: number, rows: number, multiple: number): FittedSize {
  return { width: columns * multiple, height: rows * multiple, tokens: columns * rows }
}

function totalTokens (sizes: FittedSize[]): number {
  return sizes.reduce((sum, size) => sum + size.tokens, 0)
}

/** Where `holds`, true at `low` and false at `high`, changes: the last place at which it holds, or the first `above`. */
function bisect (holds: (x: number) => boolean, low: number, high: number, side: 'below' | 'above' = 'below'): number {
  for (let i = 0; i < BISECTIONS; i++) {
    const middle = (low + high) / 2
    if (holds(middle)) low = middle
    else high = middle
  }
  return side === 'below' ? low : high
}

// Python's round(), so that a size is the very one that Qwen's preprocessing gives.
function roundHalfToEven (x: number): number {
  const floor = Math.floor(x)
  if (x - floor !== 0.5) return Math.round(x)
  return floor % 2 === 0 ? floor : floor + 1
}
