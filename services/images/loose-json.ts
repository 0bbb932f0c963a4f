/** A value of loose JSON. Everything that is neither text nor a number (`true`, `NaN`, ...) is null. */
export type LooseJson = string | number | null | LooseJson[] | LooseObject

export interface LooseObject {
  /** Entries in the order of the text. A key may occur twice. */
  entries: Array<[key: string, value: LooseJson]>
}

interface Open {
  value: LooseJson[] | LooseObject
  /** The key whose value comes next; null in a list, and before a key. */
  key: string | null
}

/** Maximum depth, so that recursion over the result is safe. Deeper values are read as separate JSON. */
const MAX_DEPTH = 64

const JSON_NUMBER = String.raw`([+-]?\d+(?:\.\d*)?(?:e[+-]?\d+)?)(?![\w.])`
const CONSTANT = String.raw`(?:true|false|null|none|nan|[+-]?infinity)(?!\w)`
/**
 * One token, with the white space and commas before it. No part of the pattern can match the same characters in two
 * ways, so the time is linear.
 */
const TOKEN = new RegExp(String.raw`[\s,]*(?:([[{])|([\]}])|(["'])|${JSON_NUMBER}|${CONSTANT})`, 'iy')
const COLON = /\s*:/y
const LINE_END = /\n|$/g

const ESCAPES: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

/**
 * Reads JSON as models write it: with missing or extra commas, single quotes, and raw line breaks in strings.
 *
 * Reading stops at the first character that does not fit, or at the end of a text that was cut off. The result then
 * contains the values that were complete. A list that was not closed keeps only its lists and objects, because its last
 * number may be incomplete.
 *
 * @param start index of a `[` or `{`
 * @returns `end` is the index after the last character that was used, at least `start + 1`. A caller that continues at
 *   `end` reads the whole text in linear time.
 * @example
 * readLooseJson("see [{'a': 1,}]", 4)
 * // { value: [{ entries: [['a', 1]] }], end: 15 }
 */
export function readLooseJson (text: string, start: number): { value: LooseJson[] | LooseObject, end: number } {
  const root = empty(text[start]!)
  const open: Open[] = [{ value: root, key: null }]
  let end = start + 1

  while (open.length > 0) {
    const top = open.at(-1)!
    const inObject = !Array.isArray(top.value)
    TOKEN.lastIndex = end
    const token = TOKEN.exec(text)
    if (token === null) break
    const [, opening, closing, quote, number] = token

    if (closing !== undefined) {
      if ((closing === '}') !== inObject || top.key !== null) break
      end = TOKEN.lastIndex
      open.pop()
      continue
    }

    let string: string | null = null
    let next = TOKEN.lastIndex
    if (quote !== undefined) {
      const read = readString(text, next, quote)
      string = read.string
      // `end` never points into a string, so the text of a string is never read as JSON.
      next = end = read.end
      if (string === null) break
    }
    if (inObject && top.key === null) {
      COLON.lastIndex = next
      if (string === null || !COLON.test(text)) break
      top.key = string
      end = COLON.lastIndex
      continue
    }
    if (opening !== undefined && open.length === MAX_DEPTH) break
    // The text ends here, so more digits may be missing.
    if (number !== undefined && next === text.length) break

    const value = opening !== undefined ? empty(opening) : number !== undefined ? Number(number) : string
    if (Array.isArray(top.value)) top.value.push(value)
    else top.value.entries.push([top.key!, value])
    top.key = null
    end = next
    if (opening !== undefined) open.push({ value: value as Open['value'], key: null })
  }

  for (const { value } of open) if (Array.isArray(value)) keepNested(value)
  return { value: root, end }
}

function empty (bracket: string): LooseJson[] | LooseObject {
  return bracket === '[' ? [] : { entries: [] }
}

function keepNested (list: LooseJson[]): void {
  const nested = list.filter(item => typeof item === 'object' && item !== null)
  list.length = 0
  for (const item of nested) list.push(item)
}

/**
 * Reads a string.
 * @param start index after the opening quote
 * @returns null as the string if it is not closed; `end` is then the end of its line
 */
function readString (text: string, start: number, quote: string): { string: string | null, end: number } {
  for (let at = start; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === quote) return { string: unescape(text.slice(start, at)), end: at + 1 }
  }
  LINE_END.lastIndex = start
  return { string: null, end: LINE_END.exec(text)!.index }
}

function unescape (raw: string): string {
  return raw.replace(/\\(?:u([0-9a-f]{4})|(.))/gis, (_, code: string | undefined, character: string) =>
    code === undefined ? ESCAPES[character] ?? character : String.fromCharCode(parseInt(code, 16)))
}
