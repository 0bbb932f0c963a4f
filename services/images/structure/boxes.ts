import { Bound } from './bound.ts'
import type { Reader } from './reader.ts'

/** A range of bytes of a file: `start` is inclusive, `end` is exclusive. */
export interface ByteRange { start: number, end: number }

/** A box of an ISO container (ISO 14496-12, 4.2). The range is the content without the header of the box. */
export interface IsoBox extends ByteRange {
  /** Four characters, e.g. `meta`. */
  type: string
}

/**
 * Reads the boxes within a range, in order.
 * @param cut accept a last box that is longer than the range, or trailing bytes that are too few for a box, as at the
 *   end of a file
 * @throws RangeError for a box that is shorter than its own header, or longer than the range
 */
export async function * boxesOf (
  reader: Reader, { start, end }: ByteRange, { cut = false } = {}
): AsyncGenerator<IsoBox> {
  for (let at = start; at < end;) {
    if (cut && at + 8 > end) return
    const head = await reader.from(at, 16)
    const size = head.readUInt32BE(0)
    const long = size === 1
    const length = size === 0 ? end - at : long ? Number(head.readBigUInt64BE(8)) : size
    const content = at + (long ? 16 : 8)
    const over = at + length > end
    if (at + length < content || (over && !cut)) throw new RangeError('A box has an impossible length')
    yield { type: head.toString('latin1', 4, 8), start: content, end: over ? end : at + length }
    at += length
  }
}

/** Maximum number of nested boxes. A thousand items, each with a reference and properties, need about 4000. */
export const MAX_HEIF_INNER_BOXES = 5000

/** Counts the nested boxes of a whole file. */
export function boundInnerBoxes (label: string): Bound {
  return new Bound(label, MAX_HEIF_INNER_BOXES, {
    en: `it has more than ${MAX_HEIF_INNER_BOXES} nested boxes`, zh: `嵌套的 box 超过 ${MAX_HEIF_INNER_BOXES} 个`
  })
}

/**
 * Reads the boxes within another box.
 * @param inner counts them
 * @throws CorruptImageError when the count exceeds its limit, RangeError for a malformed box
 */
export async function innerBoxesOf (reader: Reader, range: ByteRange, inner: Bound): Promise<IsoBox[]> {
  const found: IsoBox[] = []
  for await (const box of boxesOf(reader, range)) {
    inner.add()
    found.push(box)
  }
  return found
}

/** Maximum size of a box of numbers. No program writes a larger one. */
const MAX_CONTENT_BYTES = 1024 * 1024

/**
 * Reads the content of a box into memory.
 * @throws RangeError for a box of more than 1 MiB
 */
export async function readContent (reader: Reader, { start, end }: ByteRange): Promise<Cursor> {
  if (end - start > MAX_CONTENT_BYTES) throw new RangeError('A box is larger than it may be')
  return new Cursor((await reader.from(start, end - start)).subarray(0, end - start))
}

/**
 * Reads the content of a box that starts with a version and flags.
 * @throws RangeError as `readContent`
 */
export async function readFull (
  reader: Reader, box: ByteRange
): Promise<{ version: number, flags: number, content: Cursor }> {
  const content = await readContent(reader, box)
  return { version: content.number(1), flags: content.number(3), content }
}

/** Reads big-endian numbers one after another. It throws a RangeError at the end of the bytes. */
export class Cursor {
  readonly #bytes: Buffer
  #at = 0

  constructor (bytes: Buffer) {
    this.#bytes = bytes
  }

  /**
   * Reads the next number.
   * @param size bytes: 0 (the number is 0) to 6, or 8; a RangeError for other sizes
   */
  number (size: number): number {
    if (size === 0) return 0
    const at = this.#at
    this.#at += size
    if (size !== 8) return this.#bytes.readUIntBE(at, size)
    return Number(this.#bytes.readBigUInt64BE(at))
  }
}
