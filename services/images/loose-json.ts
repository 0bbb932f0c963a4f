/** A value as it was read; `true`, `NaN` and what else is no text and no number is null. */
export type LooseJson = string | number | null | LooseJson[] | LooseObject

export interface LooseObject {
  /** In the order of the text; a key may occur twice. */
  entries: Array<[key: string, value: LooseJson]>
}

interface Open {
  value: LooseJson[] | LooseObject
  /** Of the entry whose value comes next. */
  key: string | null
}

// A tree of this depth can be walked by recursion. What lies deeper is read as JSON of its own.
const MAX_DEPTH = 64

// One token with the white space and commas before it. None of the parts can match the same characters in two ways: time is linear.
const TOKEN =
  /[\s,]*(?:([[{])|([\]}])|(["'])|([+-]?\d+(?:\.\d*)?(?:e[+-]?\d+)?)(?![\w.])|(?:true|false|null|none|nan|[+-]?infinity)(?!\w))/iy
const COLON = /\s*:/y
const LINE_END = /\n|$/g

const ESCAPES: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

/**
 * Reads JSON as models write it: commas may be missing or too many, quotes single, line breaks raw inside strings. Where it cannot
 * be read on, because it was cut off or is something else, what was complete by then is the result: of a list that was not closed
 * only the lists and objects inside, since its last number may be cut, and more of them may have been to come.
 *
 * @param start index of a `[` or `{`
 * @returns `end` is the index up to which the text was used, at least `start + 1`; reading on from there takes linear time in all
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
      // Never back into a string, so that nothing in it is taken for JSON.
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
    // More digits may have been to come.
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

/** A string from behind its opening quote; null when it is not closed, and then the rest of its line is passed over. */
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
