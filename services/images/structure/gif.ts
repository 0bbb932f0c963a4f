import { Bound } from './bound.ts'
import type { Reader } from './reader.ts'

/**
 * Maximum number of frames and extensions together. Usually each frame has an extension with its delay. sharp creates
 * an array of all delays on the main thread, which takes 8 ms for 100000.
 */
export const MAX_GIF_BLOCKS = 100_000

const EXTENSION = 0x21
const FRAME = 0x2c
/** Number of bytes before the colour table, from the start of the file or of a frame. */
const SCREEN_BYTES = 13
const FRAME_BYTES = 10

/**
 * Counts the frames and extensions of a GIF.
 * @param label the name of the file in messages
 * @throws CorruptImageError
 */
export async function checkGif (reader: Reader, label: string): Promise<void> {
  const blocks = new Bound(label, MAX_GIF_BLOCKS, {
    en: `it has more than ${MAX_GIF_BLOCKS} frames or extensions`, zh: `帧或扩展块超过 ${MAX_GIF_BLOCKS} 个`
  })
  const screen = await reader.from(0, SCREEN_BYTES)
  if (screen.length < SCREEN_BYTES) return
  for (let at: number | null = SCREEN_BYTES + coloursOf(screen[10]!); at !== null;) {
    const head: Buffer = await reader.from(at, FRAME_BYTES)
    if (head[0] === EXTENSION) {
      at = await endOfData(reader, at + 2)
    } else if (head[0] === FRAME && head.length >= FRAME_BYTES) {
      // One byte with the size of a code comes before the data.
      at = await endOfData(reader, at + FRAME_BYTES + coloursOf(head[9]!) + 1)
    } else {
      return
    }
    blocks.add()
  }
}

/** Returns the size in bytes of the colour table that these flags announce. */
const coloursOf = (flags: number) => flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0

/**
 * Returns the offset after a list of data blocks, which have up to 255 bytes each and end with an empty block.
 * @returns null if the file ends before the list
 */
async function endOfData (reader: Reader, start: number): Promise<number | null> {
  for (let at = start; ;) {
    const bytes = await reader.from(at, 1)
    if (bytes.length === 0) return null
    const next = skipBlocks(bytes)
    if (next < bytes.length) return at + next + 1
    at += next
  }
}

/** Returns the offset of the empty block, or of the first block that starts after these bytes. */
function skipBlocks (bytes: Buffer): number {
  let at = 0
  while (at < bytes.length && bytes[at] !== 0) at += 1 + bytes[at]!
  return at
}
