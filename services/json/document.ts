import { JSON_FAULTS } from '../../errors/phrases.ts'
import { placeOf } from '../../schemas/check.ts'
import { JSON_MAX_DEPTH, JSON_MAX_NAME, JSON_MAX_VALUES, NAME_MAX_SHOWN } from '../../schemas/limits.ts'
import { longName, tooDeep, tooManyValues } from '../json-bounds.ts'
import type { Place } from './place.ts'
import { QUOTE, SCALAR, TEXT, type JsonTokens } from './tokens.ts'

const COMMA = 0x2C
const COLON = 0x3A
const OPEN_LIST = 0x5B
const CLOSE_LIST = 0x5D
const OPEN_OBJECT = 0x7B
const CLOSE_OBJECT = 0x7D

/** What may stand next. If something else does, the phrase of this name is the fault. */
type Expected =
  'value' | 'valueOrEnd' | 'name' | 'nameOrEnd' | 'colon' | 'commaOrEndOfList' | 'commaOrEndOfObject' | 'nothing'

/** A list or object that is not closed yet. */
interface Level {
  container: unknown[] | Record<string, unknown>
  /** The name of the member that is read; empty in a list. */
  name: string
  place: Place | undefined
}

/**
 * Builds the value of a JSON text from its tokens, as `JSON.parse` does. It refuses what exceeds the bounds of JSON as
 * soon as it arrives, and names that change the prototype of an object.
 */
export class JsonDocument {
  readonly #tokens: JsonTokens
  readonly #place: Place
  readonly #levels: Level[] = []
  #expected: Expected = 'value'
  #root: unknown
  #values = 0

  /** @param place the places at which the reader handles strings itself */
  constructor (tokens: JsonTokens, place: Place) {
    this.#tokens = tokens
    this.#place = place
  }

  /** Whether no token was added. */
  get isEmpty (): boolean {
    return this.#expected === 'value' && this.#levels.length === 0
  }

  /**
   * Adds the current token.
   * @throws JsonFault, JsonBoundsError
   */
  add (token: number): void {
    switch (token) {
      case OPEN_OBJECT: return this.#open({}, 'nameOrEnd')
      case OPEN_LIST: return this.#open([], 'valueOrEnd')
      case CLOSE_OBJECT: return this.#close('nameOrEnd', 'commaOrEndOfObject')
      case CLOSE_LIST: return this.#close('valueOrEnd', 'commaOrEndOfList')
      case COMMA: return this.#comma()
      case COLON:
        this.#require('colon')
        this.#expected = 'value'
        return
      case SCALAR:
        this.#require('value', 'valueOrEnd')
        return this.addValue(this.#tokens.scalar())
      case QUOTE: return this.#require('value', 'valueOrEnd', 'name', 'nameOrEnd')
      case TEXT:
        if (this.#expected === 'name' || this.#expected === 'nameOrEnd') this.#addName()
        else this.addValue(this.#tokens.text())
    }
  }

  /** Adds a value in place of the current string. */
  addValue (value: unknown): void {
    const level = this.#levels.at(-1)
    if (!level) this.#root = value
    else if (Array.isArray(level.container)) level.container.push(value)
    else level.container[level.name] = value
    this.#expected = this.#afterValue()
  }

  /**
   * @returns the value
   * @throws JsonFault if it is not complete
   */
  end (): unknown {
    if (this.#expected !== 'nothing') throw this.#tokens.endFault()
    return this.#root
  }

  /** The place of the value that is expected; undefined for a name, and where the table has no entry. */
  get place (): Place | undefined {
    if (this.#expected !== 'value' && this.#expected !== 'valueOrEnd') return undefined
    const level = this.#levels.at(-1)
    if (!level) return this.#place
    const { container, name, place } = level
    return Array.isArray(container) ? place?.items : place?.members?.get(name) ?? place?.others
  }

  /** The name of this place in sentences, e.g. `images[1]`. */
  get field (): string {
    return placeOf(this.#levels.map(({ container, name }, depth) => {
      if (!Array.isArray(container)) return name
      // A list already contains the list or object that is open inside it.
      return String(depth === this.#levels.length - 1 ? container.length : container.length - 1)
    }))
  }

  #open (container: Level['container'], expected: Expected): void {
    this.#require('value', 'valueOrEnd')
    const { place } = this
    this.#count()
    this.addValue(container)
    if (this.#levels.push({ container, name: '', place }) > JSON_MAX_DEPTH) throw tooDeep()
    this.#expected = expected
  }

  #close (whenEmpty: Expected, otherwise: Expected): void {
    this.#require(whenEmpty, otherwise)
    this.#levels.pop()
    this.#expected = this.#afterValue()
  }

  #comma (): void {
    this.#require('commaOrEndOfList', 'commaOrEndOfObject')
    this.#count()
    this.#expected = this.#expected === 'commaOrEndOfList' ? 'value' : 'name'
  }

  #addName (): void {
    const { raw } = this.#tokens
    if (raw.length > JSON_MAX_NAME && raw.toString().length > JSON_MAX_NAME) throw longName()
    const name = this.#tokens.text()
    const isOfPrototype = name === 'prototype' && this.#levels.at(-2)?.name === 'constructor'
    if (name === '__proto__' || isOfPrototype) throw this.#tokens.fault(JSON_FAULTS.prototype)
    const level = this.#levels.at(-1)!
    // JSON.parse takes the last one, and the client would not learn that the others do nothing.
    const isRepeated = Object.hasOwn(level.container, name)
    if (isRepeated) throw this.#tokens.fault(JSON_FAULTS.repeated(name.slice(0, NAME_MAX_SHOWN)))
    level.name = name
    this.#expected = 'colon'
  }

  #afterValue (): Expected {
    const level = this.#levels.at(-1)
    if (!level) return 'nothing'
    return Array.isArray(level.container) ? 'commaOrEndOfList' : 'commaOrEndOfObject'
  }

  /** A list or object with items has one value more than commas. An empty one counts as one value. */
  #count (): void {
    if (++this.#values > JSON_MAX_VALUES) throw tooManyValues()
  }

  #require (...allowed: Expected[]): void {
    if (!allowed.includes(this.#expected)) throw this.#tokens.fault(JSON_FAULTS[this.#expected])
  }
}
