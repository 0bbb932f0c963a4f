import { promisify } from 'node:util'
import { constants, inflate } from 'node:zlib'
import { Bound } from './bound.ts'
import type { Reader } from './reader.ts'
import { boundText, MAX_TEXT_MIB } from './text.ts'

/** Maximum number of chunks before the pixels. Programs write about a dozen. */
export const MAX_PNG_CHUNKS = 10_000
/** Maximum number of compressed texts. Programs write a few, e.g. XMP. Each is inflated to measure its length. */
export const MAX_PNG_COMPRESSED_TEXTS = 100

const SIGNATURE_BYTES = 8
/** Bytes of a chunk without its data: length and type before the data, checksum after them. */
const FRAMING_BYTES = 12

/**
 * Counts the chunks and the text of a PNG. A text of 8 kB can inflate to 8 MB, and sharp creates a string from it on
 * the main thread.
 *
 * @param label the name of the file in messages
 * @throws CorruptImageError
 */
export async function checkPng (reader: Reader, label: string): Promise<void> {
  const chunks = new Bound(label, MAX_PNG_CHUNKS, {
    en: `it has more than ${MAX_PNG_CHUNKS} chunks before its pixels`, zh: `像素之前的数据块超过 ${MAX_PNG_CHUNKS} 个`
  })
  const compressed = new Bound(label, MAX_PNG_COMPRESSED_TEXTS, {
    en: `it has more than ${MAX_PNG_COMPRESSED_TEXTS} compressed texts`, zh: `压缩文本超过 ${MAX_PNG_COMPRESSED_TEXTS} 个`
  })
  const text = boundText(label)
  for (let at = SIGNATURE_BYTES; ;) {
    const head = await reader.from(at, 8)
    if (head.length < 8) return
    const length = head.readUInt32BE(0)
    const type = head.toString('latin1', 4, 8)
    // libpng reads the header only up to the pixels.
    if (type === 'IDAT' || type === 'IEND') return
    chunks.add()
    if (type === 'tEXt') text.add(length)
    if (type === 'zTXt' || type === 'iTXt') {
      text.add(length)
      const stream = streamOf(type, (await reader.from(at + 8, length)).subarray(0, length))
      if (stream) {
        compressed.add()
        text.add(await inflatedBytes(stream))
      }
    }
    at += FRAMING_BYTES + length
  }
}

/** Returns the compressed part of a text chunk, after the keyword and other strings; null if there is none. */
function streamOf (type: 'zTXt' | 'iTXt', data: Buffer): Buffer | null {
  const keyword = data.indexOf(0)
  if (keyword === -1) return null
  // One byte for the compression method comes first.
  if (type === 'zTXt') return data.subarray(keyword + 2)
  // A flag (1: compressed), the method, a language and the translated keyword come first.
  if (data[keyword + 1] !== 1) return null
  const language = data.indexOf(0, keyword + 3)
  const translated = language === -1 ? -1 : data.indexOf(0, language + 1)
  return translated === -1 ? null : data.subarray(translated + 1)
}

const inflateAsync = promisify(inflate)

/**
 * Returns the size in bytes of an inflated stream: Infinity if it is larger than the limit of all texts, and 0 if the
 * stream is damaged, because decoders ignore such a text.
 */
async function inflatedBytes (stream: Buffer): Promise<number> {
  try {
    const options = { maxOutputLength: MAX_TEXT_MIB * 1024 * 1024, finishFlush: constants.Z_SYNC_FLUSH }
    return (await inflateAsync(stream, options)).length
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? Infinity : 0
  }
}
