import { open } from 'node:fs/promises'
import type { Metadata } from 'sharp'
import {
  CorruptImageError, EmptyFileError, ImageTooManyPixelsError, ImageTooNarrowError, UnsupportedImageError, withDetails
} from '../../errors/catalogue.ts'
import { KIND_BYTES, kindOf, type ImageFormat } from './kind.ts'
import sharp from './sharp.ts'
import { avifLabel } from './structure/avif.ts'
import { checkStructure } from './structure/index.ts'
import { createReader } from './structure/reader.ts'

/** A file that a client sent. */
export interface ImageFile {
  path: string
  /** How a sentence for people names it, e.g. `images[1] ("dog.jpg")`. */
  label: string
  /** Size of the file. */
  bytes: number
}

/** What the header of an image says of it; nothing is decoded for it. */
export interface ImageHeader {
  format: ImageFormat
  /** Pixels, as the image is seen: its orientation is applied. */
  width: number
  height: number
  /** EXIF orientation, 1 (upright) to 8. */
  orientation: number
  /** Frames of an animation or pages of a TIFF. */
  pages: number
  /** Bits of one sample as stored, e.g. 8, 10, 16, or 1 to 8 for the index into a palette. */
  bits: number
  /** Samples of one pixel once decoded, alpha included. */
  channels: number
  /** Name of the colour space in libvips, e.g. `srgb`, `rgb16`, `b-w`, `grey16`, `cmyk`, `lab`. */
  space: string
  /** Pixels are stored as indices into a palette. */
  palette: boolean
  hasAlpha: boolean
  /** An ICC profile is embedded. */
  hasProfile: boolean
}

export interface InspectLimits {
  /** Most pixels (width × height) that a header may claim. */
  maxInputPixels: number
}

/**
 * An AVIF may have half as many pixels as others: while the others take at most 10 bytes for each while they are decoded (16 bits, alpha,
 * interlaced), it takes 19, or 31 with 12 bits and alpha. libheif holds it in several forms one beside the other.
 */
const AVIF_PART = 0.5

/** Most pixels of an original of this format. */
export function maxPixelsOf (format: ImageFormat, maxInputPixels: number): number {
  return format === 'avif' ? Math.floor(maxInputPixels * AVIF_PART) : maxInputPixels
}

// Qwen's own smart_resize refuses more, and so do we, before anything is decoded.
export const MAX_RATIO = 200

// What sharp calls the loader of each format.
const LOADERS: Record<ImageFormat, string> = {
  jpeg: 'jpeg', png: 'png', webp: 'webp', avif: 'heif', gif: 'gif', tiff: 'tiff'
}

const BITS_OF_DEPTH: Record<string, number> = { uchar: 8, char: 8, ushort: 16, short: 16, uint: 32, int: 32, float: 32 }

/**
 * Reads the type of an image from its bytes and its dimensions from its header.
 *
 * @throws EmptyFileError, UnsupportedImageError, CorruptImageError, ImageTooManyPixelsError, ImageTooNarrowError
 */
export async function inspectImage (file: ImageFile, limits: InspectLimits): Promise<ImageHeader> {
  const { format, maxPixels } = await readFormat(file, limits)
  const metadata = await readMetadata(file, format)
  const { width, height } = metadata.autoOrient
  const size = { width, height }
  if (width * height > maxPixels) {
    const label = format === 'avif' ? avifLabel(file.label) : file.label
    throw withDetails(new ImageTooManyPixelsError(label, width, height, maxPixels), { ...size, max_pixels: maxPixels })
  }
  if (Math.max(width, height) > MAX_RATIO * Math.min(width, height)) {
    throw withDetails(new ImageTooNarrowError(file.label, width, height), size)
  }

  return {
    format,
    width,
    height,
    orientation: metadata.orientation ?? 1,
    pages: metadata.pages ?? 1,
    bits: metadata.bitsPerSample ?? BITS_OF_DEPTH[metadata.depth] ?? 64,
    channels: metadata.channels,
    space: metadata.space,
    palette: metadata.isPalette,
    hasAlpha: metadata.hasAlpha,
    hasProfile: metadata.hasProfile
  }
}

/** What the file is by its first bytes, once it is known that a decoder may look at the rest. */
async function readFormat (
  { path, label, bytes }: ImageFile, { maxInputPixels }: InspectLimits
): Promise<{ format: ImageFormat, maxPixels: number }> {
  const handle = await open(path)
  try {
    const reader = await createReader(handle)
    const head = (await reader.from(0, KIND_BYTES)).subarray(0, KIND_BYTES)
    if (bytes === 0 || head.length === 0) throw new EmptyFileError(label)
    const kind = kindOf(head)
    if (kind.format === null) throw new UnsupportedImageError(label, kind.seems)
    const { format } = kind
    const maxPixels = maxPixelsOf(format, maxInputPixels)
    await checkStructure(format, reader, label, maxPixels)
    return { format, maxPixels }
  } finally {
    await handle.close()
  }
}

async function readMetadata (file: ImageFile, format: ImageFormat): Promise<Metadata> {
  let metadata: Metadata
  try {
    // No limit here: the caller's own check names the limit and the pixels claimed.
    metadata = await sharp(file.path, { limitInputPixels: false, failOn: 'error' }).metadata()
  } catch (cause) {
    // The message of libvips may hold our path, so it goes to the log only.
    throw Object.assign(new CorruptImageError(file.label, 'its header is truncated or damaged'), { cause })
  }
  // A loader other than the bytes promise, or HEVC inside a container that calls itself AVIF.
  const unexpected = metadata.format !== LOADERS[format] || (format === 'avif' && metadata.compression !== 'av1')
  if (unexpected) {
    throw new CorruptImageError(file.label, {
      en: `it begins as ${format.toUpperCase()} but is something else`, zh: `开头是 ${format.toUpperCase()}，内容却不是`
    })
  }
  return metadata
}
