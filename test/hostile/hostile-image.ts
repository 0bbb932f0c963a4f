import { constants, deflateRawSync } from 'node:zlib'

/** A file that was made to do harm, or is merely unusual, and what the service says to it. */
export interface HostileImage {
  name: string
  bytes: Buffer
  /** `accepted`, or the code of the refusal. */
  expect: Verdict
}

export type Verdict =
  | 'accepted'
  | 'CORRUPT_IMAGE'
  | 'EMPTY_FILE'
  | 'IMAGE_TOO_MANY_PIXELS'
  | 'IMAGE_TOO_NARROW'
  | 'UNSUPPORTED_IMAGE'

export type Case = [name: string, bytes: Buffer, expect: Verdict]

/** What the service that meets these images is set to: small, so that what lies just below is quickly decoded. */
export const MAX_INPUT_PIXELS = 10_000_000

/** Where an image stops being one: a bomb of so many pixels is just above the limit on each side. */
export const TOO_LONG_SIDE = 4_000

export function toImages (kind: string, cases: Case[]): HostileImage[] {
  return cases.map(([name, bytes, expect]) => ({ name: `${kind}: ${name}`, bytes, expect }))
}

/** Numbers of two, three or four bytes, big or little end first. */
export const be16 = (...values: number[]): Buffer =>
  numbers(values, 2, (bytes, value, at) => bytes.writeUInt16BE(value, at))
export const be32 = (...values: number[]): Buffer =>
  numbers(values, 4, (bytes, value, at) => bytes.writeUInt32BE(value, at))
export const le16 = (...values: number[]): Buffer =>
  numbers(values, 2, (bytes, value, at) => bytes.writeUInt16LE(value, at))
export const le24 = (...values: number[]): Buffer =>
  numbers(values, 3, (bytes, value, at) => bytes.writeUIntLE(value, at, 3))
export const le32 = (...values: number[]): Buffer =>
  numbers(values, 4, (bytes, value, at) => bytes.writeUInt32LE(value, at))

function numbers (values: number[], size: number, write: (bytes: Buffer, value: number, at: number) => void): Buffer {
  const bytes = Buffer.alloc(values.length * size)
  for (const [index, value] of values.entries()) write(bytes, value, index * size)
  return bytes
}

/** Pieces in a row; a string is Latin-1, a number one byte. */
export function join (...parts: Array<Buffer | string | number>): Buffer {
  return Buffer.concat(parts.map(part =>
    typeof part === 'number' ? Buffer.from([part]) : typeof part === 'string' ? Buffer.from(part, 'latin1') : part))
}

/** The same piece again and again. */
export const repeated = (piece: Buffer, count: number): Buffer => Buffer.alloc(piece.length * count, piece)

/** A copy with some bytes written over. */
export function patched (bytes: Buffer, at: number, patch: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  patch.copy(copy, at)
  return copy
}

const BLOCK_BYTES = 16 * 1024 * 1024
const ADLER_MODULUS = 65_521

/**
 * A zlib stream that swells to zeros, a thousand times its size, without anybody having had to compress them all: a block that
 * stands for itself is repeated.
 */
export function zlibBomb (blocks: number): Buffer {
  const block = deflateRawSync(Buffer.alloc(BLOCK_BYTES), { finishFlush: constants.Z_FULL_FLUSH })
  // Adler-32 of zeros: the first sum stays 1, the second counts them.
  const adler = be16(blocks * BLOCK_BYTES % ADLER_MODULUS, 1)
  return join('\x78\x9c', repeated(block, blocks), '\x03\x00', adler)
}
