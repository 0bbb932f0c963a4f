import { InvalidFieldError } from '../../errors/catalogue.ts'
import { FIELD_FAULTS } from '../../errors/phrases.ts'
import type { FieldName } from './field-names.ts'

interface Item<T> {
  index: number | null
  value: T
}

/**
 * The items of a list that arrive as parts of a form. Items with numbers are in the order of their numbers; items
 * without numbers follow in the order of their arrival. Numbers may have gaps.
 */
export class NumberedList<T> {
  readonly #items: Array<Item<T>> = []

  /** Number of items so far. */
  get length (): number {
    return this.#items.length
  }

  get values (): T[] {
    const orderOf = ({ index }: Item<T>) => index ?? Infinity
    return this.#items.toSorted((a, b) => orderOf(a) === orderOf(b) ? 0 : orderOf(a) - orderOf(b))
      .map(({ value }) => value)
  }

  /** @throws InvalidFieldError if an item has this number already */
  add (value: T, { name, index = null }: Pick<FieldName, 'name' | 'index'>): void {
    if (index !== null && this.at(index) !== undefined) throw new InvalidFieldError(name, FIELD_FAULTS.repeated)
    this.#items.push({ index, value })
  }

  /** Returns the item with this number. */
  at (index: number): T | undefined {
    return this.#items.find(item => item.index === index)?.value
  }
}
