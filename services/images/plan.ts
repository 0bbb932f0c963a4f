import type { VisionInfo } from '../engine/engine.ts'

/**
 * Calculates the sizes at which the model sees images, as `smart_resize` of Qwen2-VL does (transformers,
 * image_processing_qwen2_vl.py). Both sides become multiples of `multiple` pixels, the area stays within bounds, and
 * the aspect ratio changes only by rounding. This module adds a longest side, and one token budget for several images.
 */

/** A size in pixels. */
export interface Size {
  width: number
  height: number
}

/** An image that needs a size: its original size, with the orientation applied. */
export interface PlanImage extends Size {
  /** Longest side of this image in pixels. It applies if it is less than `PlanBounds.maxSide`. */
  maxSide?: number
}

/** Bounds of the model and of the configuration for one image. */
export interface PlanBounds extends Pick<VisionInfo, 'multiple' | 'minTokens' | 'maxTokens'> {
  /** Longest side in pixels. */
  maxSide: number
  /** Largest area in pixels. */
  maxPixels: number
}

/** A size within bounds and the number of tokens (KV cells) that it takes. */
export interface FittedSize extends Size {
  tokens: number
}

/** The final size of an image. */
export interface PlannedSize extends FittedSize {
  /** True if the image would be larger without the other images, which share the budget. */
  scaled: boolean
}

/** The sizes of all images of a request. */
export interface Plan {
  /** One size for each image, in the order of the input. */
  images: PlannedSize[]
  /** Total tokens of all images. */
  tokens: number
  /** True if at least one image is scaled. */
  scaled: boolean
}

/** Number of times that an interval is halved. It reaches the precision of a double. */
const BISECTIONS = 52

/**
 * Returns the size of one image without a shared budget. Both sides are positive multiples of `multiple`.
 *
 * An image below `minTokens` is enlarged. The upper bounds (`maxSide`, `maxPixels`, `maxTokens`) take precedence over
 * `minTokens`. They conflict for long narrow images, or if `minTokens` is almost `maxTokens`. The smallest size is one
 * token, even if the upper bounds are less.
 *
 * @param width original pixels with the orientation applied, at least 1
 * @param height original pixels with the orientation applied, at least 1
 * @example
 * const bounds = { multiple: 28, minTokens: 4, maxTokens: 4096, maxSide: 1024, maxPixels: 1_003_520 }
 * fit(4000, 3000, bounds) // { width: 1008, height: 756, tokens: 972 }
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
 * Returns the sizes of all images of a request, with a total of at most `budgetTokens`. If the images are too large
 * together, every area is multiplied by the same factor, the largest one that fits. No image is scaled below
 * `minTokens`.
 *
 * @param budgetTokens tokens of the context that are left for images
 * @returns null if the smallest sizes do not fit either; `smallestTokens` returns the tokens that they need
 * @example
 * planImages([{ width: 4000, height: 3000 }, { width: 300, height: 300 }], bounds, 2000)
 * // { images: [{ width: 1008, height: 756, tokens: 972, scaled: false }, …], tokens: 1093, scaled: false }
 */
export function planImages (images: PlanImage[], bounds: PlanBounds, budgetTokens: number): Plan | null {
  const ranges = images.map(image => rangeOf(image, bounds))
  const at = (factor: number): FittedSize[] => ranges.map(range => range.at(factor))
  const fits = (factor: number): boolean => totalTokens(at(factor)) <= Math.max(budgetTokens, 0)

  if (fits(1)) return toPlan(at(1), ranges)
  if (!fits(0)) return null
  return toPlan(at(bisect(fits, 0, 1)), ranges)
}

/** Returns the total tokens of the smallest sizes that `planImages` can choose for these images. */
export function smallestTokens (images: PlanImage[], bounds: PlanBounds): number {
  return totalTokens(images.map(image => rangeOf(image, bounds).at(0)))
}

/** The sizes that an image can have, from the smallest to the full size. */
interface Range {
  full: FittedSize
  /**
   * Returns the size for a fraction (0 to 1) of the full area, but at least the smallest size. A larger factor never
   * returns a smaller size.
   */
  at (factor: number): FittedSize
}

function rangeOf ({ width, height, maxSide = Infinity }: PlanImage, common: PlanBounds): Range {
  const bounds = { ...common, maxSide: Math.min(maxSide, common.maxSide) }
  const full = fit(width, height, bounds)
  const at = (factor: number): FittedSize => {
    if (factor >= 1) return full
    const { multiple } = bounds
    const size = shrink(width, height, bounds, factor * full.width * full.height)
    // Rounding can make a side of the full size shorter than the exact ratio requires.
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

/** Returns the largest size with this ratio and at most `area` pixels, but at least one token. Rounds sides down. */
function shrink (width: number, height: number, bounds: PlanBounds, area: number): FittedSize {
  const { multiple } = bounds
  const { size, side } = within(width, height, bounds)
  const beta = Math.sqrt(size.width * size.height / area)
  const clamp = (cells: number): number => Math.min(Math.max(cells, 1), side)
  let columns = clamp(Math.floor(size.width / beta / multiple))
  let rows = clamp(Math.floor(size.height / beta / multiple))

  // A side below one token is raised to one, which can exceed the area (smart_resize allows that). The longer side is
  // then reduced.
  const most = Math.max(1, Math.floor(area / multiple ** 2))
  if (columns * rows > most) {
    if (columns > rows) columns = Math.max(1, Math.floor(most / rows))
    else rows = Math.max(1, Math.floor(most / columns))
  }
  return sized(columns, rows, multiple)
}

/**
 * Applies `maxSide` to an image.
 * @returns `size`: the scaled size in pixels, not rounded; `side`: the longest side in tokens; `area`: the largest
 *   area in pixels
 */
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

/**
 * Finds the number at which a condition changes from true (at `low`) to false (at `high`).
 * @param side `below`: return the last number that fulfils the condition; `above`: return the first that does not
 */
function bisect (
  condition: (x: number) => boolean, low: number, high: number, side: 'below' | 'above' = 'below'
): number {
  for (let i = 0; i < BISECTIONS; i++) {
    const middle = (low + high) / 2
    if (condition(middle)) low = middle
    else high = middle
  }
  return side === 'below' ? low : high
}

/** Rounds as Python's `round()`, so that the sizes equal those of Qwen's preprocessing. */
function roundHalfToEven (x: number): number {
  const floor = Math.floor(x)
  if (x - floor !== 0.5) return Math.round(x)
  return floor % 2 === 0 ? floor : floor + 1
}
