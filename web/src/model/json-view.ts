import type { TextMark } from '../text/marks.ts'

export type JsonObject = Record<string, unknown>
export type JsonContainer = JsonObject | unknown[]

const SHORT_ITEMS = 8
const SHORT_LINE = 48

export interface JsonTable {
  /** Of the list in the object that holds it; null for the answer itself. */
  name: string | null
  columns: string[]
  rows: Array<{ path: string, value: JsonObject }>
}

/** What the text says as JSON; null while that is not complete. */
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

/** A name for a place in the answer. */
export function pathTo (parent: string, name: string | number): string {
  return `${parent}/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`
}

/** The lists of objects that the answer is or holds, as tables; what else it holds comes first, as a table of one row. None where there is no list. */
export function tablesOf (value: unknown): JsonTable[] {
  if (isList(value)) return [tableOf(null, rowsOf('', value))]
  if (!isObject(value)) return []
  const lists =
    entriesOf(value).flatMap(([name, list]) => isList(list) ? [tableOf(name, rowsOf(pathTo('', name), list))] : [])
  if (lists.length === 0) return []
  const rest = Object.fromEntries(entriesOf(value).filter(([, held]) => !isList(held)))
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

/** On one line, with a space where a reader wants one: `[1, 2]`, `{"a": 1}`. */
export function compact (value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(compact).join(', ')}]`
  if (isObject(value)) {
    return `{${entriesOf(value).map(([name, held]) => `${JSON.stringify(name)}: ${compact(held)}`).join(', ')}}`
  }
  return JSON.stringify(value) ?? ''
}

/** Indented, but for what fits on a line: four numbers of a box need not be four lines. */
export function pretty (value: unknown, indent = ''): string {
  if (!isContainer(value) || isShort(value)) return compact(value)
  const inner = `${indent}  `
  const lines = entriesOf(value).map(([name, held]) =>
    `${inner}${Array.isArray(value) ? '' : `${JSON.stringify(name)}: `}${pretty(held, inner)}`)
  const [start, end] = Array.isArray(value) ? '[]' : '{}'
  return `${start}\n${lines.join(',\n')}\n${indent}${end}`
}

/** A few plain values that fit on a line. */
export function isShort (value: JsonContainer): boolean {
  const values = Object.values(value)
  return values.length <= SHORT_ITEMS && !values.some(isContainer) && compact(value).length <= SHORT_LINE
}

/** Values in the answer, counted up to a limit. */
export function sizeOf (value: unknown, limit: number): number {
  if (!isContainer(value)) return 1
  let size = 1
  for (const held of Object.values(value)) {
    if (size >= limit) break
    size += sizeOf(held, limit - size)
  }
  return size
}

/** Which strings are the names of boxes and points, by path: the first of several that are alike stands for the first box of that name. */
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
      for (const [name, held] of entriesOf(value)) walk(pathTo(path, name), held)
    }
  }
}
