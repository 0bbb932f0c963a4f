import type { Rules } from './rules.ts'

/** A bound of a number. An open bound excludes `value` itself. */
export interface NumberBound { readonly value: number, readonly open: boolean }

/** Doubles distinguish decimals of up to this many digits, so bounds apply to parsed and written numbers alike. */
const EXACT_DIGITS = 15
/** Digits before the point, unless a bound needs more. */
const WHOLE_DIGITS = 9
/** Digits after the point, unless a bound needs more. */
const DECIMALS = 6

/**
 * Writes the integers within bounds, without exponent and without `-0`. Without a bound they have at most 15 digits.
 * @returns alternatives; none when no integer within the bounds is an exact double
 */
export function integers (rules: Rules, min: NumberBound, max: NumberBound): string[] {
  const usual = 10 ** EXACT_DIGITS - 1
  const low = min.value === -Infinity
    ? -usual
    : Math.max(min.open ? Math.floor(min.value) + 1 : Math.ceil(min.value), -Number.MAX_SAFE_INTEGER)
  const high = max.value === Infinity
    ? usual
    : Math.min(max.open ? Math.ceil(max.value) - 1 : Math.floor(max.value), Number.MAX_SAFE_INTEGER)
  // A bound of more than 15 digits extends the unbounded side to all exact doubles.
  const bottom = min.value === -Infinity && high < -usual ? -Number.MAX_SAFE_INTEGER : low
  const top = max.value === Infinity && low > usual ? Number.MAX_SAFE_INTEGER : high
  return Number.isSafeInteger(bottom) && Number.isSafeInteger(top) ? signed(rules, BigInt(bottom), BigInt(top), 0) : []
}

/**
 * Writes the numbers within bounds, without exponent. At least one bound is finite.
 * @returns alternatives; none when no decimal of 15 digits is within the bounds
 */
export function decimals (rules: Rules, min: NumberBound, max: NumberBound): string[] {
  const bounds = [min.value, max.value].filter(Number.isFinite)
  const largest = Math.max(...bounds.map(Math.abs))
  // Two bounds allow as many digits before the point as the larger one has; a single bound allows more than it has.
  const whole = Math.min(
    Math.max(digitsOf(largest), bounds.length === 2 ? 1 : Math.max(WHOLE_DIGITS, digitsOf(largest) + 1)), EXACT_DIGITS
  )
  const places = Math.min(Math.max(DECIMALS, ...bounds.map(value => decimalsOf(value) + 1)), EXACT_DIGITS - whole)
  const limit = 10n ** BigInt(whole + places) - 1n
  const low = min.value === -Infinity ? -limit : scaled(min.value, places, true, min.open)
  const high = max.value === Infinity ? limit : scaled(max.value, places, false, max.open)
  return signed(rules, low < -limit ? -limit : low, high > limit ? limit : high, places)
}

/** Writes the numbers from `low` to `high`, in units of `10 ** -places`. */
function signed (rules: Rules, low: bigint, high: bigint, places: number): string[] {
  const ways: string[] = []
  if (low < 0n && low <= high) {
    ways.push(...ranged(rules, high < 0n ? -high : 1n, -low, places).map(way => `"-" ${way}`))
  }
  if (high >= 0n && low <= high) ways.push(...ranged(rules, low > 0n ? low : 0n, high, places))
  return ways
}

/**
 * Writes the numbers from `low` to `high`, where `0 <= low <= high`. Numbers with as many digits as `low` or `high` are
 * compared digit by digit; all numbers with a length in between are allowed.
 */
function ranged (rules: Rules, low: bigint, high: bigint, places: number): string[] {
  const [from, to] = [low, high].map(value => String(value).padStart(places + 1, '0')) as [string, string]
  const first = (length: number) => length === places + 1 ? '0'.repeat(length) : `1${'0'.repeat(length - 1)}`
  const last = (length: number) => '9'.repeat(length)
  const fromFirst = from === first(from.length)
  const toLast = to === last(to.length)
  if (from.length === to.length && !(fromFirst && toLast)) return [tight(rules, from, to, places)]

  const ways: string[] = []
  if (!fromFirst) ways.push(tight(rules, from, last(from.length), places))
  if (!toLast) ways.push(tight(rules, first(to.length), to, places))
  // The fewest and most digits before the point, for numbers whose digits need no comparison.
  const fewest = from.length - places + (fromFirst ? 0 : 1)
  const most = to.length - places - (toLast ? 0 : 1)
  const fraction = free(rules, places)
  if (fewest === 1 && most >= 1) ways.push(`"0" ${fraction}`)
  if (fewest <= most) ways.push(`[1-9] [0-9]{${fewest - 1},${most - 1}} ${fraction}`)
  return ways
}

/** Writes the numbers from `from` to `to`, which have the same length, digit by digit. */
function tight (rules: Rules, from: string, to: string, places: number): string {
  const { length } = from
  const point = length - places

  /** Writes the digits from an index on. `lowest`, `highest`: the digits before it equal those of that number. */
  function at (index: number, lowest: boolean, highest: boolean): string {
    lowest &&= !/^0*$/.test(from.slice(index))
    highest &&= !/^9*$/.test(to.slice(index))
    // Zeros at the end are optional, and so is a point before them.
    const mayEnd = index >= point && !lowest
    if (index === length) return '""'
    if (!lowest && !highest) {
      return index < point
        ? `[0-9]{${point - index}} ${free(rules, places)}`
        : index === point ? free(rules, places) : `[0-9]{0,${length - index}}`
    }
    const ways = digits(index, lowest, highest).map(way => index === point ? `"." ${way}` : way)
    return rules.add('n', [...mayEnd ? ['""'] : [], ...ways].join(' | '))
  }

  function digits (index: number, lowest: boolean, highest: boolean): string[] {
    const low = lowest ? Number(from[index]) : 0
    const high = highest ? Number(to[index]) : 9
    if (low === high) return [`"${low}" ${at(index + 1, lowest, highest)}`]
    const ways: string[] = []
    if (lowest) ways.push(`"${low}" ${at(index + 1, true, false)}`)
    const [first, last] = [lowest ? low + 1 : low, highest ? high - 1 : high]
    if (first <= last) ways.push(`[${first}-${last}] ${at(index + 1, false, false)}`)
    if (highest) ways.push(`"${high}" ${at(index + 1, false, true)}`)
    return ways
  }

  return rules.add('n', digits(0, true, true).join(' | '))
}

/** Writes an optional fraction of any digits. */
function free (rules: Rules, places: number): string {
  return places === 0 ? '' : rules.add('n', `"" | "." [0-9]{1,${places}}`)
}

/** Returns the number of digits before the point. */
function digitsOf (value: number): number {
  return value < 1 ? 1 : exponentOf(value) + 1
}

function decimalsOf (value: number): number {
  const [mantissa = '', exponent = '0'] = String(value).split('e')
  return Math.max(0, (mantissa.split('.')[1] ?? '').length - Number(exponent))
}

function exponentOf (value: number): number {
  return Number(value.toExponential().split('e')[1])
}

/**
 * Converts a bound to units of `10 ** -places`. Returns the smallest integer within a lower bound (`up`), or the
 * largest within an upper bound.
 */
function scaled (value: number, places: number, up: boolean, open: boolean): bigint {
  const [mantissa = '', exponent] = value.toExponential().split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  const shift = Number(exponent) - fraction.length + places
  const units = BigInt(whole + fraction)
  if (shift >= 0) {
    const exact = units * 10n ** BigInt(shift)
    return !open ? exact : up ? exact + 1n : exact - 1n
  }
  // The bound is between two units, because its last digit is not zero.
  const cut = units / 10n ** BigInt(-shift)
  if (up) return units > 0n ? cut + 1n : cut
  return units > 0n ? cut : cut - 1n
}
