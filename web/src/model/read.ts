/** A value does not have the expected shape. */
export class ShapeError extends Error {
  /** The path of the value, e.g. `conversations[0].title`; empty for the whole. */
  readonly path: string
  readonly expected: string

  constructor (path: string, expected: string) {
    super(`${path}: ${expected} expected`)
    this.path = path
    this.expected = expected
  }
}

/**
 * Checks a value of unknown origin and copies only the known properties.
 * @throws ShapeError
 */
export type Read<T> = (value: unknown, path: string) => T

export const text: Read<string> = (value, path) => typeof value === 'string' ? value : fail(path, 'string')
export const flag: Read<boolean> = (value, path) => typeof value === 'boolean' ? value : fail(path, 'boolean')
export const number: Read<number> = (value, path) =>
  typeof value === 'number' && Number.isFinite(value) ? value : fail(path, 'number')

/** Reads a time in ISO 8601. Returns milliseconds since 1970. */
export const time: Read<number> = (value, path) => {
  const at = Date.parse(text(value, path))
  return Number.isNaN(at) ? fail(path, 'ISO 8601') : at
}

export function oneOf<T extends string | true> (...values: readonly T[]): Read<T> {
  return (value, path) =>
    values.find(it => it === value) ?? fail(path, values.map(it => JSON.stringify(it)).join(' | '))
}

export function nullable<T> (read: Read<T>): Read<T | null> {
  return (value, path) => value === null ? null : read(value, path)
}

/** Reads a property that may be missing. */
export function optional<T> (read: Read<T>): Read<T | undefined> {
  return (value, path) => value === undefined ? undefined : read(value, path)
}

/** Reads a property that older files do not have. */
export function withDefault<T> (read: Read<T>, missing: T): Read<T> {
  return (value, path) => value === undefined ? missing : read(value, path)
}

export function list<T> (read: Read<T>): Read<T[]> {
  return (value, path) => Array.isArray(value) ? value.map((item, i) => read(item, `${path}[${i}]`)) : fail(path, '[…]')
}

/**
 * Reads a list of numbers.
 * @param count the length of the list, e.g. 4 for a box
 */
export function numbers<T extends number[]> (count: T['length']): Read<T> {
  return (value, path) => {
    const read = list(number)(value, path)
    return read.length === count ? read as T : fail(path, `${count} × number`)
  }
}

export function record<T extends object> (members: { [K in keyof T]-?: Read<T[K]> }): Read<T> {
  return (value, path) => {
    const given = object(value, path)
    return Object.fromEntries(Object.entries<Read<unknown>>(members).map(([name, read]) =>
      [name, read(given[name], path === '' ? name : `${path}.${name}`)])) as T
  }
}

/** Reads one of several shapes; the value of the property `key` selects the shape. */
export function variant<T> (key: string, shapes: Record<string, Read<T>>): Read<T> {
  return (value, path) => {
    const name = oneOf(...Object.keys(shapes))(object(value, path)[key], `${path}.${key}`)
    return shapes[name]!(value, path)
  }
}

function object (value: unknown, path: string): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? value as Record<string, unknown>
    : fail(path, '{…}')
}

function fail (path: string, expected: string): never {
  throw new ShapeError(path, expected)
}
