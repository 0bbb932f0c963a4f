import type { FileHandle } from 'node:fs/promises'

/** Reads here and there in a file; what lies near the last place is there already. */
export interface Reader {
  /** Bytes of the file. */
  readonly size: number
  /** What begins at this byte: so many bytes unless the file ends before, and more where they have been read along with them. */
  from (at: number, least: number): Promise<Buffer>
}

const BLOCK_BYTES = 64 * 1024

export async function createReader (handle: FileHandle): Promise<Reader> {
  const { size } = await handle.stat()
  let start = 0
  let block: Buffer = Buffer.alloc(0)
  return {
    size,
    async from (at, least) {
      if (at >= size) return Buffer.alloc(0)
      if (at < start || at + least > start + block.length) {
        const length = Math.min(Math.max(least, BLOCK_BYTES), size - at)
        const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(length), 0, length, at)
        start = at
        block = buffer.subarray(0, bytesRead)
      }
      return block.subarray(at - start)
    }
  }
}
