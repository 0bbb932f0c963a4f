import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Sharp, SharpOptions } from 'sharp'
import { CorruptImageError, StorageError } from '../../errors/catalogue.ts'
import type { ImageFile, ImageHeader } from './inspect.ts'
import type { Size } from './plan.ts'
import sharp from './sharp.ts'

/** An image as the engine reads it: upright, 8-bit sRGB, opaque, exactly of the planned size. */
export interface PreparedImage extends Size {
  /** The original file, or `<name>_compressed.png` beside it. */
  path: string
  /** False when the original is used as it is. */
  compressed: boolean
}

// An image of 100 million pixels takes some seconds; what takes longer was made to. libvips looks at the clock between rows: what its
// decoders do in one go (all scans of a JPEG, a whole AVIF) is bounded before they begin, see `structure/`.
export const DECODE_TIMEOUT_S = 30

/**
 * Makes an image what the model wants, resampled once, with Lanczos. An image that is so already stays untouched, but
 * is decoded once, so that a broken one fails here and not in the engine. sharp cannot be interrupted: after `signal`
 * fired the promise settles when sharp is done. Nothing is written then, and an output that was begun is removed.
 *
 * @param header what `inspectImage` said of the file
 * @param target pixels, from the plan
 * @throws CorruptImageError, StorageError, `signal.reason`
 */
export async function prepareImage (
  file: ImageFile, header: ImageHeader, target: Size, signal?: AbortSignal
): Promise<PreparedImage> {
  signal?.throwIfAborted()
  const { width, height } = target
  const image = open(file, header)

  if (isReady(header, target)) {
    await decode(file, image.raw())
    signal?.throwIfAborted()
    return { path: file.path, width, height, compressed: false }
  }

  // Through memory (a prepared image is a few MB), so that a failure of the decoder and one of the disk are told apart.
  const png = await decode(file, pipeline(image, header, target))
  signal?.throwIfAborted()
  const output = compressedPath(file.path)
  try {
    await writeFile(output, png, { signal })
    signal?.throwIfAborted()
  } catch (cause) {
    // Best effort: its error must not hide the first one.
    await rm(output, { force: true }).catch(() => {})
    signal?.throwIfAborted()
    throw Object.assign(new StorageError(codeOf(cause)), { cause })
  }
  return { path: output, width, height, compressed: true }
}

/** True when the engine may read the original: every other image goes through the pipeline. */
export function isReady (header: ImageHeader, target: Size): boolean {
  return header.width === target.width && header.height === target.height && header.orientation === 1 &&
    header.space === 'srgb' && header.bits === 8 && header.channels === 3 && !header.palette && !header.hasAlpha &&
    !header.hasProfile && header.pages === 1
}

/** `<folder>/<name>_compressed.png` for `<folder>/<name>.<ext>`. */
export function compressedPath (original: string): string {
  const { dir, name } = path.parse(original)
  return path.join(dir, `${name}_compressed.png`)
}

function open (file: ImageFile, header: ImageHeader): Sharp {
  const options: SharpOptions = {
    autoOrient: true,
    // 'error' refuses truncated images and forgives stray bytes between the markers of a JPEG; 'warning' would not.
    failOn: 'error',
    // The header was checked: a file that turns out larger than it said is refused.
    limitInputPixels: header.width * header.height,
    sequentialRead: true,
    pages: 1
  }
  return sharp(file.path, options).timeout({ seconds: DECODE_TIMEOUT_S })
}

function pipeline (image: Sharp, header: ImageHeader, { width, height }: Size): Sharp {
  image
    .flatten({ background: '#ffffff' })
    // Without fastShrinkOnLoad libjpeg leaves Lanczos a factor of two at least, and libwebp does not scale at all.
    .resize(width, height, { fit: 'fill', kernel: 'lanczos3', fastShrinkOnLoad: false })
    .toColourspace('srgb')

  // sharp takes RGB of more than 8 bits with a profile, even that of sRGB, to Display P3 and leaves it there unless an
  // output profile is named; without a profile it would take sRGB for P3.
  if (header.space === 'rgb16' && header.hasProfile) image.withIccProfile('srgb', { attach: false })

  // Stored, not deflated: 7 ms instead of 42 ms at level 1 for 1008 x 756 pixels, and decoded twice as fast, for a file
  // that lives for seconds. Metadata is dropped, as sharp does unless told otherwise.
  return image.png({ compressionLevel: 0 })
}

async function decode (file: ImageFile, image: Sharp): Promise<Buffer> {
  try {
    return await image.toBuffer()
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : ''
    // Its folder was removed under it: not the image's fault.
    if (message.startsWith('Input file is missing')) throw cause
    const timedOut = message.includes('timeout')
    const reason = timedOut
      ? { en: `it takes longer than ${DECODE_TIMEOUT_S} seconds`, zh: `解码超过 ${DECODE_TIMEOUT_S} 秒` }
      : 'it is truncated or damaged'
    throw Object.assign(new CorruptImageError(file.label, reason), { cause })
  }
}

function codeOf (error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason'
}
