import type { TextMark } from '../text/marks.ts'

export type JsonObject = Record<string, unknown>
export type JsonContainer = JsonObject | unknown[]

const SHORT_ITEMS = 8
const SHORT_LINE = 48

export interface JsonTable {
  /** The property that contains the list; null for the answer itself. */
  name: string | null
  columns: string[]
  rows: Array<{ path: string, value: JsonObject }>
}

/** Parses text as JSON; null when it is incomplete or invalid. */
export function readJson (text: string): { value: unknown } | null {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return null
  }
}

export function isObject (value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isContainer (value: unknown): value is JsonContainer {
  return typeof value === 'object' && value !== null
}

export function entriesOf (value: JsonContainer): Array<[string, unknown]> {
  return Object.entries(value)
}

/** The JSON Pointer of a property or item. */
export function pathTo (parent: string, name: string | number): string {
  return `${parent}/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`
}

/**
 * The lists of objects in an answer, as tables. The other properties come first, as a table with one row. Returns an
 * empty list when the answer contains no list of objects.
 */
export function tablesOf (value: unknown): JsonTable[] {
  if (isList(value)) return [tableOf(null, rowsOf('', value))]
  if (!isObject(value)) return []
  const lists =
    entriesOf(value).flatMap(([name, list]) => isList(list) ? [tableOf(name, rowsOf(pathTo('', name), list))] : [])
  if (lists.length === 0) return []
  const rest = Object.fromEntries(entriesOf(value).filter(([, item]) => !isList(item)))
  return Object.keys(rest).length > 0 ? [tableOf(null, [{ path: '', value: rest }]), ...lists] : lists
}

function isList (value: unknown): value is JsonObject[] {
  return Array.isArray(value) && value.length > 0 && value.every(isObject)
}

function rowsOf (path: string, list: JsonObject[]): JsonTable['rows'] {
  return list.map((value, i) => ({ path: pathTo(path, i), value }))
}

function tableOf (name: string | null, rows: JsonTable['rows']): JsonTable {
  return { name, columns: [...new Set(rows.flatMap(({ value }) => Object.keys(value)))], rows }
}

/** Formats JSON on one line with spaces: `[1, 2]`, `{"a": 1}`. */
export function compact (value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(compact).join(', ')}]`
  if (isObject(value)) {
    return `{${entriesOf(value).map(([name, item]) => `${JSON.stringify(name)}: ${compact(item)}`).join(', ')}}`
  }
  return JSON.stringify(value) ?? ''
}

/** Formats JSON with indentation. Short lists and objects, such as the numbers of a box, stay on one line. */
export function pretty (value: unknown, indent = ''): string {
  if (!isContainer(value) || isShort(value)) return compact(value)
  const inner = `${indent}  `
  const lines = entriesOf(value).map(([name, item]) =>
    `${inner}${Array.isArray(value) ? '' : `${JSON.stringify(name)}: `}${pretty(item, inner)}`)
  const [start, end] = Array.isArray(value) ? '[]' : '{}'
  return `${start}\n${lines.join(',\n')}\n${indent}${end}`
}

/** Whether the value has few items, all plain, that fit on one line. */
export function isShort (value: JsonContainer): boolean {
  const values = Object.values(value)
  return values.length <= SHORT_ITEMS && !values.some(isContainer) && compact(value).length <= SHORT_LINE
}

/** The number of values in an answer, counted up to a limit. */
export function sizeOf (value: unknown, limit: number): number {
  if (!isContainer(value)) return 1
  let size = 1
  for (const item of Object.values(value)) {
    if (size >= limit) break
    size += sizeOf(item, limit - size)
  }
  return size
}

/** Maps the paths of strings to the marks that they name. Equal strings are matched to equal labels in order. */
export function markedPaths (value: unknown, marks: readonly TextMark[]): ReadonlyMap<string, string> {
  const left = new Map<string, string[]>()
  for (const { key, label } of marks) left.set(label, [...left.get(label) ?? [], key])
  const found = new Map<string, string>()
  if (left.size > 0) walk('', value)
  return found

  function walk (path: string, value: unknown): void {
    if (typeof value === 'string') {
      const key = left.get(value)?.shift()
      if (key !== undefined) found.set(path, key)
    } else if (isContainer(value)) {
      for (const [name, item] of entriesOf(value)) walk(pathTo(path, name), item)
    }
  }
}
