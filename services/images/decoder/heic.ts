import { CorruptImageError } from '../../../errors/catalogue.ts'
import { IMAGE_FAULTS } from '../../../errors/phrases.ts'
import type { ImageFile, ImageHeader } from '../inspect.ts'
import { DecodeError } from './decode-error.ts'
import { decoders } from './decoders.ts'
import type { HeicOptions } from './heic-thread.ts'

const MIB = 1024 * 1024
/** Memory of libheif for an empty file. */
const BASE_MIB = 64
/** libheif keeps the planes of the coded image, those of the whole image, and the pixels of the result. */
const BYTES_PER_PIXEL = 32

/**
 * Decodes a HEIC in a thread.
 *
 * @param header the result of `inspectImage` for this file
 * @param timeLimitMs maximum time, without the start of a thread
 * @returns a TIFF of 8 bits, upright, with the colour profile of the file
 * @throws CorruptImageError; the reason of `signal`, at once
 */
export async function decodeHeic (
  file: ImageFile, header: ImageHeader, timeLimitMs: number, signal?: AbortSignal
): Promise<Buffer> {
  const { width, height } = header
  const mebibytes = BASE_MIB + Math.ceil((2 * file.bytes + width * height * BYTES_PER_PIXEL) / MIB)
  const options: HeicOptions = { width, height }
  try {
    const tiff = await decoders.decode(
      { kind: 'heic', path: file.path, options, timeLimitMs, memoryLimitBytes: mebibytes * MIB }, signal
    ) as Uint8Array<ArrayBuffer>
    return Buffer.from(tiff.buffer)
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause
    const reason = cause.fault === 'slow'
      ? IMAGE_FAULTS.tooSlow(timeLimitMs / 1000)
      : cause.fault === 'memory' ? IMAGE_FAULTS.tooMuchMemory(mebibytes) : IMAGE_FAULTS.damaged
    throw Object.assign(new CorruptImageError(file.label, reason), { cause })
  }
}
