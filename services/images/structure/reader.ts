import type { FileHandle } from 'node:fs/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'

/** Reads at any offset of a file, and keeps the last block that it read in memory. */
export interface Reader {
  /** Size of the file in bytes. */
  readonly size: number
  /**
   * The bytes from this offset on: at least as many as asked for, unless the file ends before, and the rest of the
   * block in memory.
   */
  from (at: number, least: number): Promise<Buffer>
}

const BLOCK_BYTES = 64 * 1024
/** A file may send its reader from one end to the other for a few bytes each time, so a jump reads less. */
const JUMP_BYTES = 4 * 1024
/** Bytes in memory arrive without a turn of the event loop. So many calls take about 0.1 ms. */
const CALLS_PER_TURN = 64

/**
 * Makes a reader of an open file. Whatever loop a file causes, the event loop gets a turn at least every 64 calls of
 * `from`.
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
