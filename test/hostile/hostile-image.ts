import { constants, deflateRawSync } from 'node:zlib'
import { be16, join, repeated } from '../../tools/lib/bytes.ts'

/** A hostile or unusual file, and the expected reaction of the service. */
export interface HostileImage {
  name: string
  bytes: Buffer
  /** `accepted`, or the code of the error. */
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

/** The setting MAX_INPUT_PIXELS in these tests. It is small, so that images just below it decode quickly. */
export const MAX_INPUT_PIXELS = 10_000_000

/** Side in pixels of a square above the limit. */
export const TOO_LONG_SIDE = 4_000

export function toImages (kind: string, cases: Case[]): HostileImage[] {
  return cases.map(([name, bytes, expect]) => ({ name: `${kind}: ${name}`, bytes, expect }))
}

const BLOCK_BYTES = 16 * 1024 * 1024
const ADLER_MODULUS = 65_521

/**
 * Creates a zlib stream that inflates to zeros, a thousand times its size. It repeats one compressed block, so it is
 * created quickly.
 * @param blocks number of blocks, each of 16 MiB when inflated
 */
export function zlibBomb (blocks: number): Buffer {
  const block = deflateRawSync(Buffer.alloc(BLOCK_BYTES), { finishFlush: constants.Z_FULL_FLUSH })
  // In the Adler-32 checksum of zeros, the first sum stays 1 and the second sum counts the bytes.
  const adler = be16(blocks * BLOCK_BYTES % ADLER_MODULUS, 1)
  return join('\x78\x9c', repeated(block, blocks), '\x03\x00', adler)
}
