import { promisify } from 'node:util'
import { constants, inflate } from 'node:zlib'
import { Bound } from './bound.ts'
import type { Reader } from './reader.ts'
import { boundText, MAX_TEXT_MIB } from './text.ts'

/** Chunks before the pixels. Programs write a dozen. */
export const MAX_PNG_CHUNKS = 10_000
/** Each is inflated to learn its length. Programs write a few: profiles of ImageMagick, XMP. */
export const MAX_PNG_COMPRESSED_TEXTS = 100

const SIGNATURE_BYTES = 8
/** Length and type before the data of a chunk, and its checksum after them. */
const AROUND_BYTES = 12

/**
 * A text of 8 kB may inflate to 8 MB, and sharp makes a string of it on the main thread.
 *
 * @throws CorruptImageError for more chunks or text before the pixels than any program writes
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
    // libpng stops at the pixels when it reads a header.
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
    at += AROUND_BYTES + length
  }
}

/** The compressed part of a text, after its keyword and other strings that end with a zero; null if there is none. */
function streamOf (type: 'zTXt' | 'iTXt', data: Buffer): Buffer | null {
  const keyword = data.indexOf(0)
  if (keyword === -1) return null
  // The method of compression comes first.
  if (type === 'zTXt') return data.subarray(keyword + 2)
  // A flag, 1 for compressed, the method, a language and the keyword in that language come first.
  if (data[keyword + 1] !== 1) return null
  const language = data.indexOf(0, keyword + 3)
  const translated = language === -1 ? -1 : data.indexOf(0, language + 1)
  return translated === -1 ? null : data.subarray(translated + 1)
}

const inflateAsync = promisify(inflate)

/** Bytes that a stream inflates to, Infinity beyond the limit of texts, and 0 where decoders drop the text. */
async function inflatedBytes (stream: Buffer): Promise<number> {
  try {
    const options = { maxOutputLength: MAX_TEXT_MIB * 1024 * 1024, finishFlush: constants.Z_SYNC_FLUSH }
    return (await inflateAsync(stream, options)).length
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? Infinity : 0
  }
}
