import { CorruptImageError, withDetails } from '../../../errors/catalogue.ts'
import type { Phrase } from '../../../errors/language.ts'

/**
 * Counts something over a whole file and refuses the file above a limit. The count never restarts for a part of the
 * file, because a thousand parts of a file can share the same bytes.
 *
 * @example
 * const pages = new Bound(label, MAX_TIFF_PAGES, { en: 'it has more than 5000 pages', zh: '页数超过 5000' })
 * pages.add()
 */
export class Bound {
  readonly #label: string
  readonly #most: number
  readonly #fault: Phrase
  #count = 0

  /**
   * @param label the name of the file in messages
   * @param most the limit; a count equal to it is accepted
   * @param fault completes the sentence "photo.jpg cannot be decoded: …" and contains the limit
   */
  constructor (label: string, most: number, fault: Phrase) {
    this.#label = label
    this.#most = most
    this.#fault = fault
  }

  /**
   * Adds to the total.
   * @throws CorruptImageError when the total exceeds the limit
   */
  add (count = 1): void {
    this.#count += count
    this.check(this.#count)
  }

  /**
   * Compares a number with the limit, without adding it to the total.
   * @throws CorruptImageError when it exceeds the limit
   */
  check (count: number): void {
    if (count <= this.#most) return
    throw withDetails(new CorruptImageError(this.#label, this.#fault), { limit: this.#most })
  }
}
