import { CorruptImageError } from '../../../errors.ts'
import type { Reader } from './reader.ts'

/** Frames of an animation and what else stands beside them. libwebp finds a frame by counting from the first one, so twice as many take four times as long. */
const MAX_CHUNKS = 5000

/** @throws CorruptImageError for more chunks than a decoder can be left alone with */
export async function checkWebp (reader: Reader, label: string): Promise<void> {
  // Behind RIFF, its length and WEBP.
  let at = 12
  for (let chunks = 0; ; chunks++) {
    const head = await reader.from(at, 8)
    if (head.length < 8) return
    if (chunks === MAX_CHUNKS) throw new CorruptImageError(label, { en: `it has more than ${MAX_CHUNKS} frames or chunks`, zh: `帧或数据块超过 ${MAX_CHUNKS} 个` })
    const size = head.readUInt32LE(4)
    at += 8 + size + size % 2
  }
}
