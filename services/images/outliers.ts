import type { Range } from './stretch.ts'

/** Samples that a range is computed from. Sorting them takes a few milliseconds. */
const MAX_SORTED = 1 << 16

/**
 * Returns the range of samples without outliers, e.g. hot pixels of a camera. A part of the samples at each end is
 * compared with the rest: if the end is farther away than the rest is wide, it is cut off.
 *
 * @param sample every n-th sample, none of them missing
 * @param whole the range of all samples
 * @param part of the samples that may be outliers at each end, e.g. 0.001
 */
export function withoutOutliers (sample: Float32Array, whole: Range, part: number): Range {
  const sorted = sample.toSorted()
  const at = Math.floor(sorted.length * part)
  const [low, high] = [sorted[at]!, sorted.at(-1 - at)!]
  const width = high - low
  if (width === 0) return whole
  return { min: low - whole.min > width ? low : whole.min, max: whole.max - high > width ? high : whole.max }
}

/** The range of many samples, added in pieces, and a selection of them. */
export class Selection {
  readonly #step: number
  readonly #isMissing: (sample: number) => boolean
  readonly #kept: number[] = []
  #min = Infinity
  #max = -Infinity
  hasMissing = false

  /** @param total number of samples that will be added */
  constructor (total: number, isMissing: (sample: number) => boolean) {
    this.#step = Math.ceil(total / MAX_SORTED)
    this.#isMissing = isMissing
  }

  add (samples: Float32Array): void {
    for (let i = 0; i < samples.length; i++) {
      const value = samples[i]!
      if (this.#isMissing(value)) {
        this.hasMissing = true
        continue
      }
      if (value < this.#min) this.#min = value
      if (value > this.#max) this.#max = value
      if (i % this.#step === 0) this.#kept.push(value)
    }
  }

  /** The range of the samples that are not missing; null if all are. */
  get whole (): Range | null {
    return this.#min <= this.#max ? { min: this.#min, max: this.#max } : null
  }

  /** @param part see `withoutOutliers` */
  inner (part: number): Range | null {
    const { whole } = this
    if (whole === null || this.#kept.length === 0) return whole
    return withoutOutliers(Float32Array.from(this.#kept), whole, part)
  }
}
