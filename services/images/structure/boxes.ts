import { Bound } from './bound.ts'
import type { Reader } from './reader.ts'

/** A part of a file. */
export interface Range { start: number, end: number }

/** A box of an ISO container (ISO 14496-12, 4.2); the range is that of its content. */
export interface Box extends Range { type: string }

/**
 * The boxes within a range, in their order.
 * @param cut the last box may be longer than the range, and a rest too short for a box may follow it, as happens at the
 *   end of a file
 * @throws RangeError for a box that is shorter than its own head, or longer than the range
 */
export async function * boxesOf (reader: Reader, { start, end }: Range, { cut = false } = {}): AsyncGenerator<Box> {
  for (let at = start; at < end;) {
    if (cut && at + 8 > end) return
    const head = await reader.from(at, 16)
    const size = head.readUInt32BE(0)
    const long = size === 1
    const length = size === 0 ? end - at : long ? Number(head.readBigUInt64BE(8)) : size
    const content = at + (long ? 16 : 8)
    const over = at + length > end
    if (at + length < content || (over && !cut)) throw new RangeError('A box ends where it cannot')
    yield { type: head.toString('latin1', 4, 8), start: content, end: over ? end : at + length }
    at += length
  }
}

/** Boxes within others. A thousand items, each with a reference and properties of its own, make about 4000. */
export const MAX_AVIF_INNER_BOXES = 5000

/** Counts the boxes within others over a whole file. */
export function boundInnerBoxes (label: string): Bound {
  return new Bound(label, MAX_AVIF_INNER_BOXES, {
    en: `it has more than ${MAX_AVIF_INNER_BOXES} boxes within others`,
    zh: `内层 box 超过 ${MAX_AVIF_INNER_BOXES} 个`
  })
}

/**
 * The boxes within another one.
 * @param inner counts them
 * @throws CorruptImageError, RangeError
 */
export async function childrenOf (reader: Reader, range: Range, inner: Bound): Promise<Box[]> {
  const found: Box[] = []
  for await (const box of boxesOf(reader, range)) {
    inner.add()
    found.push(box)
  }
  return found
}

/** No program writes a larger box of numbers. */
const MAX_CONTENT_BYTES = 1024 * 1024

/** @throws RangeError for a box that is larger than any program writes it */
export async function readContent (reader: Reader, { start, end }: Range): Promise<Cursor> {
  if (end - start > MAX_CONTENT_BYTES) throw new RangeError('A box is larger than it may be')
  return new Cursor((await reader.from(start, end - start)).subarray(0, end - start))
}

/** The content of a box that begins with a version and flags. */
export async function readFull (
  reader: Reader, box: Range
): Promise<{ version: number, flags: number, content: Cursor }> {
  const content = await readContent(reader, box)
  return { version: content.number(1), flags: content.number(3), content }
}

/** Reads numbers in their order, big end first, and throws a RangeError after the last one. */
export class Cursor {
  readonly #bytes: Buffer
  #at = 0

  constructor (bytes: Buffer) {
    this.#bytes = bytes
  }

  /** @param size bytes, 0 to 8; no bytes are zero */
  number (size: number): number {
    if (size === 0) return 0
    const at = this.#at
    this.#at += size
    if (size !== 8) return this.#bytes.readUIntBE(at, size)
    return Number(this.#bytes.readBigUInt64BE(at))
  }
}
