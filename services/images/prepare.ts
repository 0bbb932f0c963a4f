import { readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Sharp, SharpOptions } from 'sharp'
import { CorruptImageError, StorageError } from '../../errors/catalogue.ts'
import { verbatim, type Phrase } from '../../errors/language.ts'
import { IMAGE_FAULTS, STORAGE_FAULTS } from '../../errors/phrases.ts'
import { decodeHeic } from './decoder/heic.ts'
import type { ImageFile, ImageHeader } from './inspect.ts'
import type { ImageFormat } from './kind.ts'
import type { Size } from './plan.ts'
import { firstScanOf, isSuspicious, repairJpeg, type RepairedJpeg } from './repair-jpeg.ts'
import sharp from './sharp.ts'
import { asMeasured, mayBeMeasured, toBytes } from './stretch.ts'

/** A file that the engine can read: upright, 8-bit sRGB, opaque, and of the planned size. */
export interface PreparedImage extends Size {
  /** The original file, or `<name>_compressed.png` next to it. The folder of the request contains both. */
  path: string
  /** False if the original file is used without changes. */
  compressed: boolean
}

/**
 * Maximum time to decode an image. An image of 100 million pixels takes a few seconds. libvips checks the time only
 * between rows. `structure/` limits the work that a decoder does before the first row (all scans of a JPEG, a whole
 * AVIF).
 */
export const DECODE_TIMEOUT_S = 30

/**
 * Converts an image for the model. It is resampled once, with Lanczos, and written next to the original. If the
 * original already has the required form (see `isReady`), it is used unchanged. It is decoded once anyway, so that a
 * damaged file fails here and not in the engine. A JPEG with harmless oddities is converted (see `repairJpeg`).
 *
 * sharp cannot be interrupted. After an abort the promise settles when sharp has finished. No output remains then. The
 * thread that decodes a HEIC is ended.
 *
 * @param header the result of `inspectImage` for this file
 * @param size the size of the prepared image in pixels, from the plan
 * @throws CorruptImageError, StorageError, `signal.reason`
 * @example
 * const header = await inspectImage(file, limits)
 * const { path } = await prepareImage(file, header, fit(header.width, header.height, bounds), signal)
 */
export async function prepareImage (
  file: ImageFile, header: ImageHeader, size: Size, signal?: AbortSignal
): Promise<PreparedImage> {
  signal?.throwIfAborted()
  const { width, height } = size
  // The output goes through memory (a few MB), so that an error of the decoder differs from an error of the disk.
  const png = await pngOf(file, header, size, signal)
  signal?.throwIfAborted()
  if (png === null) return { path: file.path, width, height, compressed: false }

  const output = compressedPath(file.path)
  try {
    await writeFile(output, png, { signal })
    signal?.throwIfAborted()
  } catch (cause) {
    // The first error is reported, not one of the removal.
    await rm(output, { force: true }).catch(() => {})
    signal?.throwIfAborted()
    throw Object.assign(new StorageError(faultOf(cause)), { cause })
  }
  return { path: output, width, height, compressed: true }
}

async function pngOf (
  file: ImageFile, header: ImageHeader, size: Size, signal?: AbortSignal
): Promise<Buffer | null> {
  switch (header.format) {
    case 'jpeg': return await convertJpeg(file, header, size, signal)
    case 'heic': return await convertHeic(file, header, size, signal)
    default: return await convert({ file, header }, size)
  }
}

/** Returns true if the engine can read the original file. All other images are converted. */
export function isReady (header: ImageHeader, size: Size): boolean {
  return header.format !== 'heic' && header.width === size.width && header.height === size.height &&
    header.orientation === 1 && header.space === 'srgb' && header.bits === 8 && header.channels === 3 &&
    !header.palette && !header.hasAlpha && !header.hasProfile && header.pages === 1
}

/** Returns `<folder>/<name>_compressed.png` for `<folder>/<name>.<ext>`. */
export function compressedPath (original: string): string {
  const { dir, name } = path.parse(original)
  return path.join(dir, `${name}_compressed.png`)
}

/** An image to decode: the file, or other bytes in place of its content. */
interface Source { file: ImageFile, header: ImageHeader, bytes?: Buffer }

/** Returns the converted image as PNG; null if the file is ready. */
async function convert (source: Source, size: Size): Promise<Buffer | null> {
  const { file, header } = source
  if (source.bytes === undefined && isReady(header, size)) {
    await decode(file, open(source).raw())
    return null
  }
  return await convertMeasured(source, size) ?? await decode(file, pipeline(open(source), header, size))
}

/**
 * Converts a JPEG. libjpeg only warns about damaged pixels, and it also warns about harmless oddities. So a file with
 * warnings is decoded again without its oddities.
 */
async function convertJpeg (
  file: ImageFile, header: ImageHeader, size: Size, signal?: AbortSignal
): Promise<Buffer | null> {
  let repaired: RepairedJpeg | null = null
  try {
    const png = await convert({ file, header }, size)
    signal?.throwIfAborted()
    const content = await readFile(file.path)
    if (!isSuspicious(content)) return png
    repaired = await repairJpeg(content)
    // libjpeg does not notice that a scan is missing, and decodes grey instead of colours.
    if (repaired === null && firstScanOf(content).isPartial) {
      throw new CorruptImageError(file.label, IMAGE_FAULTS.damaged)
    }
    await checkAll({ file, header }, repaired)
    // libjpeg does not always notice that the end marker is missing. The engine gets a complete file in any case.
    return repaired?.endless ? await convert({ file, header, bytes: repaired.bytes }, size) : png
  } catch (error) {
    if (!(error instanceof CorruptImageError)) throw error
    signal?.throwIfAborted()
    repaired ??= await repairJpeg(await readFile(file.path))
    if (repaired === null || !repaired.changed) throw error
    if (repaired.endless) await checkAll({ file, header }, repaired)
    signal?.throwIfAborted()
    return await convert({ file, header, bytes: repaired.bytes }, size)
  }
}

/** Converts a HEIC. sharp has no decoder for it, so libheif decodes it in a thread, and sharp gets its pixels. */
async function convertHeic (
  file: ImageFile, header: ImageHeader, size: Size, signal?: AbortSignal
): Promise<Buffer | null> {
  const bytes = await decodeHeic(file, header, DECODE_TIMEOUT_S * 1000, signal)
  signal?.throwIfAborted()
  const decoded: ImageHeader = { ...header, format: 'tiff', orientation: 1, bits: 8, depth: 'uchar', space: 'srgb' }
  return await convert({ file, header: decoded, bytes }, size)
}

/** Checks the pixels of the last rows too. */
async function checkAll ({ file, header }: Source, repaired: RepairedJpeg | null): Promise<void> {
  if (!repaired?.probe) return
  const corner = { left: 0, top: 0, width: 1, height: 1 }
  await decode(file, open({ file, header, bytes: repaired.probe }).extract(corner).raw())
}

/** Converts samples that do not use the range of their type; null if sharp converts them. */
async function convertMeasured (source: Source, { width, height }: Size): Promise<Buffer | null> {
  const { file, header } = source
  if (!mayBeMeasured(header)) return null
  const resized = open(source).resize(width, height, { fit: 'fill', kernel: 'lanczos3' })
  const { buffer, byteOffset, byteLength } = await decode(file, asMeasured(resized, header))
  const samples = new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength))
  const bytes = toBytes(samples, header)
  if (bytes === null) return null
  const channels = samples.length / (width * height) as 1 | 3
  const image = sharp(bytes, { raw: { width, height, channels } })
  return await image.toColourspace('srgb').png({ compressionLevel: 0 }).toBuffer()
}

/**
 * The formats whose warnings are about missing pixels. libpng and libtiff warn about profiles and tags, which many
 * programs write wrongly.
 */
const STRICT = new Set<ImageFormat>(['jpeg', 'gif'])

function open ({ file, header, bytes }: Source): Sharp {
  const options: SharpOptions = {
    autoOrient: true,
    // 'error' refuses truncated images only.
    failOn: STRICT.has(header.format) ? 'warning' : 'error',
    // A file with more pixels than its header claims is refused.
    limitInputPixels: header.width * header.height,
    sequentialRead: true,
    pages: 1
  }
  return sharp(bytes ?? file.path, options).timeout({ seconds: DECODE_TIMEOUT_S })
}

function pipeline (image: Sharp, header: ImageHeader, { width, height }: Size): Sharp {
  image
    .flatten({ background: '#ffffff' })
    // With `fastShrinkOnLoad: false`, libjpeg leaves at least a factor of two to Lanczos, and libwebp does not scale.
    .resize(width, height, { fit: 'fill', kernel: 'lanczos3', fastShrinkOnLoad: false })
    .toColourspace('srgb')

  // sharp converts RGB of more than 8 bits that has a profile (even sRGB) to Display P3. Only an output profile
  // converts it to sRGB. Without an input profile, an output profile would make sharp read sRGB pixels as P3.
  if (header.space === 'rgb16' && header.hasProfile) image.withIccProfile('srgb', { attach: false })

  // Level 0 stores pixels without compression, because the file exists for seconds only: 1008 x 756 pixels take 7 ms
  // instead of 42 ms at level 1, and are decoded twice as fast. sharp drops all metadata by default.
  return image.png({ compressionLevel: 0 })
}

async function decode (file: ImageFile, image: Sharp): Promise<Buffer> {
  try {
    return await image.toBuffer()
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : ''
    // The folder was removed meanwhile, so the image is not at fault.
    if (message.startsWith('Input file is missing')) throw cause
    const timedOut = message.includes('timeout')
    const reason = timedOut ? IMAGE_FAULTS.tooSlow(DECODE_TIMEOUT_S) : IMAGE_FAULTS.damaged
    throw Object.assign(new CorruptImageError(file.label, reason), { cause })
  }
}

function faultOf (error: unknown): Phrase {
  return error instanceof Error && 'code' in error ? verbatim(String(error.code)) : STORAGE_FAULTS.unknown
}
