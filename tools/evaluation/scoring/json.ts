import { matches } from './matching.ts'

/** A block between code fences, which models often put around JSON. */
const FENCED = /```[^\n`]*\n(.*?)```/s

/**
 * Parses an answer as JSON and compares it with a value. The order of keys never matters.
 * @param unordered whether the order of arrays is ignored, too
 * @returns the reason for a wrong verdict, with a JSON pointer to the first difference; empty if it is right
 */
export function scoreJson (expected: unknown, answer: string, unordered = false): string {
  const actual = parseJson(answer)
  if (actual === undefined) return 'the answer is not JSON'
  const place = difference(expected, actual, unordered)
  return place === null ? '' : `the JSON differs at ${place === '' ? 'its root' : place}`
}

/** Parses the whole answer, or else its first block between fences. @returns undefined when neither is JSON */
export function parseJson (answer: string): unknown {
  for (const text of [answer, FENCED.exec(answer)?.[1]]) {
    if (text === undefined) continue
    try {
      return JSON.parse(text)
    } catch {}
  }
  return undefined
}

/** @returns a JSON pointer to the first difference of two values, or null if they are equal */
function difference (expected: unknown, actual: unknown, unordered: boolean, at = ''): string | null {
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length) return at
    if (unordered) return matches(expected, actual, (one, other) => difference(one, other, true) === null) ? null : at
    return firstOf(expected.map((item, index) => () => difference(item, actual[index], unordered, `${at}/${index}`)))
  }
  if (!isObject(expected)) return expected === actual ? null : at
  if (!isObject(actual) || Object.keys(actual).length !== Object.keys(expected).length) return at
  return firstOf(Object.entries(expected).map(([key, value]) => () => {
    const place = `${at}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
    return Object.hasOwn(actual, key) ? difference(value, actual[key], unordered, place) : place
  }))
}

function firstOf (looks: Array<() => string | null>): string | null {
  for (const look of looks) {
    const place = look()
    if (place !== null) return place
  }
  return null
}

function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
