import { constants, deflateRawSync } from 'node:zlib'
import { be16, join, repeated } from '../../tools/lib/bytes.ts'

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
