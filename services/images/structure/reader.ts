import type { FileHandle } from 'node:fs/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'

/** Reads a file at any offset. The last block stays in memory. */
export interface Reader {
  /** Size of the file in bytes. */
  readonly size: number
  /**
   * Returns bytes of the file: at least `least` bytes, or fewer at the end of the file, and the rest of the block that
   * is in memory. The buffer is shared with later calls, so the caller must not modify it.
   * @param at offset in bytes
   */
  from (at: number, least: number): Promise<Buffer>
}

const BLOCK_BYTES = 64 * 1024
/** A file can make the reader jump between its ends for a few bytes each time, so a jump reads less than a block. */
const JUMP_BYTES = 4 * 1024
/** Bytes in memory are returned without a turn of the event loop. 64 calls take about 0.1 ms. */
const CALLS_PER_TURN = 64

/**
 * Creates a reader of an open file. The caller closes the file. The event loop gets a turn at least every 64 calls of
 * `from`, so a file cannot block it with a long loop.
 * @example
 * const reader = await createReader(handle)
 * const magic = (await reader.from(0, 8)).subarray(0, 8)
 */
export async function createReader (handle: FileHandle): Promise<Reader> {
  const { size } = await handle.stat()
  let start = 0
  let block: Buffer = Buffer.alloc(0)
  let calls = 0
  return {
    size,
    async from (at, least) {
      if (++calls % CALLS_PER_TURN === 0) await nextTurn()
      if (at >= size) return Buffer.alloc(0)
      if (at < start || Math.min(at + least, size) > start + block.length) {
        const isNear = at >= start && at < start + block.length + BLOCK_BYTES
        const length = Math.min(Math.max(least, isNear ? BLOCK_BYTES : JUMP_BYTES), size - at)
        const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(length), 0, length, at)
        start = at
        block = buffer.subarray(0, bytesRead)
      }
      return block.subarray(at - start)
    }
  }
}
