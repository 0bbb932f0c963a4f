import { Bound } from './bound.ts'
import type { Reader } from './reader.ts'
import { boundText } from './text.ts'

/**
 * Maximum number of frames of an animation and other chunks. libwebp finds a frame by counting from the first one, so
 * its time grows with the square.
 */
export const MAX_WEBP_CHUNKS = 5000

/**
 * Counts the chunks and the text of a WebP.
 * @param label the name of the file in messages
 * @throws CorruptImageError
 */
export async function checkWebp (reader: Reader, label: string): Promise<void> {
  const chunks = new Bound(label, MAX_WEBP_CHUNKS, {
    en: `it has more than ${MAX_WEBP_CHUNKS} frames or chunks`, zh: `帧或数据块超过 ${MAX_WEBP_CHUNKS} 个`
  })
  const text = boundText(label)
  // The first chunk follows `RIFF`, a length and `WEBP`.
  for (let at = 12; ;) {
    const head = await reader.from(at, 8)
    if (head.length < 8) return
    chunks.add()
    const size = head.readUInt32LE(4)
    if (head.toString('latin1', 0, 4) === 'XMP ') text.add(size)
    at += 8 + size + size % 2
  }
}
