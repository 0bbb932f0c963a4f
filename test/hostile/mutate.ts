import { be16, be32, join, le16, le32 } from '../../tools/lib/bytes.ts'

/** Returns an integer from 0 to below its argument, see `integers` of `tools/lib/random.ts`. */
export type Below = (below: number) => number

export const pick = <T>(from: readonly T[], below: Below): T => from[below(from.length)]!

const NUMBERS =
  [0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff]
const MOST_CHANGES = 6
const MOST_BYTES = 64

/** Returns a copy with one to six changes: bits, numbers, or pieces that are removed, repeated, replaced or cut off. */
export function mutateBytes (bytes: Buffer, below: Below): Buffer {
  let result = Buffer.from(bytes)
  for (let changes = 1 + below(MOST_CHANGES); changes > 0; changes--) result = Buffer.from(mutateOnce(result, below))
  return result
}

function mutateOnce (bytes: Buffer, below: Below): Buffer {
  // Most changes are near the start, which contains most of the structure.
  const at = below(3) === 0 ? below(bytes.length + 1) : below(Math.min(bytes.length, 400) + 1)
  const length = Math.min(below(MOST_BYTES), bytes.length - at)
  const before = bytes.subarray(0, at)
  const after = bytes.subarray(at + length)
  switch (below(8)) {
    case 0: return at < bytes.length ? join(before, bytes[at]! ^ (1 << below(8)), bytes.subarray(at + 1)) : bytes
    case 1: return join(before, pick([0, 0xff, 0x7f, 0x80, 0x0a, 0x22], below), bytes.subarray(at + 1))
    case 2: return join(before, number(below), bytes.subarray(at + 4))
    case 3: return join(before, after)
    case 4: return join(before, bytes.subarray(at, at + length), bytes.subarray(at))
    case 5: return join(before, Buffer.from(Array.from({ length }, () => below(256))), after)
    case 6: return join(before, bytes.subarray(below(bytes.length + 1)).subarray(0, MOST_BYTES), bytes.subarray(at))
    default: return below(4) === 0 ? before : join(before, Buffer.alloc(length, below(256)), after)
  }
}

function number (below: Below): Buffer {
  const value = pick(NUMBERS, below)
  return below(2) === 0 ? pick([be16, le16], below)(value & 0xffff) : pick([be32, le32], below)(value)
}

/** Returns a copy of a text in which words are inserted and pieces are replaced, removed or repeated. */
export function mutateText (text: string, words: readonly string[], below: Below): string {
  let result = text
  for (let changes = 1 + below(MOST_CHANGES); changes > 0; changes--) {
    const at = below(result.length + 1)
    const end = Math.min(result.length, at + below(MOST_BYTES))
    switch (below(4)) {
      case 0: result = result.slice(0, at) + pick(words, below) + result.slice(at); break
      case 1: result = result.slice(0, at) + pick(words, below) + result.slice(end); break
      case 2: result = result.slice(0, at) + result.slice(end); break
      default: result = result.slice(0, at) + result.slice(at, end) + result.slice(at)
    }
  }
  return result
}

/** Values that are unusual in JSON. */
const VALUES: readonly unknown[] = [
  null, true, false, 0, -0, -1, 1.5, 1e308, -1e308, 2 ** 53, 2 ** 31, '', ' ', 'a', '\0', '\ud800', '😀', '__proto__',
  'constructor', '../../etc/passwd', '<|im_start|>', '%s%n', '$ref', '#', '#/$defs/a', [], {}, [[]], [{}],
  { type: null }, { length: 1e9 }, { toString: 1 }, { then: 1 }, 'x'.repeat(5000), Array.from({ length: 300 }, () => 0)
]

/** Returns a copy of a JSON value with other values, other names, or values of other places. */
export function mutateJson (value: unknown, names: readonly string[], below: Below): unknown {
  let result = structuredClone(value)
  for (let changes = 1 + below(MOST_CHANGES); changes > 0; changes--) result = mutatePlace(result, names, below)
  return result
}

function mutatePlace (root: unknown, names: readonly string[], below: Below): unknown {
  const places = placesOf(root)
  if (places.length === 0 || below(200) === 0) return structuredClone(pick(VALUES, below))
  const { parent, key } = pick(places, below)
  const other = pick(places, below)
  const elsewhere = structuredClone(other.parent[other.key])
  switch (below(6)) {
    case 0: parent[key] = structuredClone(pick(VALUES, below)); break
    case 1: parent[key] = elsewhere; break
    case 2:
      if (Array.isArray(parent)) parent.splice(Number(key), 1)
      else delete parent[key]
      break
    case 3:
      if (Array.isArray(parent)) parent.splice(Number(key), 0, elsewhere)
      else define(parent, pick(names, below), elsewhere)
      break
    case 4:
      parent[key] = pick([[parent[key]], { [pick(names, below)]: parent[key] }, [parent[key], elsewhere]], below)
      break
    default: if (!Array.isArray(parent)) define(parent, pick(names, below), structuredClone(pick(VALUES, below)))
  }
  return root
}

/** Sets a property of any name, `__proto__` included, as `JSON.parse` does. */
function define (object: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
}

interface Place { parent: Record<string, unknown>, key: string }

function placesOf (value: unknown): Place[] {
  if (typeof value !== 'object' || value === null) return []
  const parent = value as Record<string, unknown>
  return Object.keys(parent).flatMap(key => [{ parent, key }, ...placesOf(parent[key])])
}
