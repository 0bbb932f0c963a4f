import { open } from 'node:fs/promises'
import type { Metadata } from 'sharp'
import {
  CorruptImageError, EmptyFileError, ImageTooManyPixelsError, ImageTooNarrowError, UnsupportedImageError, withDetails
} from '../../errors/catalogue.ts'
import { verbatim } from '../../errors/language.ts'
import { IMAGE_ADVICE, IMAGE_FAULTS } from '../../errors/phrases.ts'
import { KIND_BYTES, kindOf, type ImageFormat } from './kind.ts'
import sharp from './sharp.ts'
import { heifLabel } from './structure/heif.ts'
import { checkStructure } from './structure/index.ts'
import { createReader } from './structure/reader.ts'
import { readTiffTraits } from './tiff.ts'

/** A file that a client sent. Its request owns the file and removes it. */
export interface ImageFile {
  path: string
  /** The name of the file in messages for people, e.g. `images[1] ("dog.jpg")`. */
  label: string
  /** Size of the file. */
  bytes: number
}

/** The properties of an image that its header states. No pixels are decoded to get them. */
export interface ImageHeader {
  format: ImageFormat
  /** Width in pixels, after the orientation is applied. */
  width: number
  /** Height in pixels, after the orientation is applied. */
  height: number
  /** EXIF orientation, 1 (upright) to 8. */
  orientation: number
  /** Number of frames of an animation, or of pages of a TIFF. */
  pages: number
  /** Bits of one stored sample, e.g. 8, 10 or 16. For an index into a palette: 1 to 8. */
  bits: number
  /** Type of one decoded sample in libvips, e.g. `uchar`, `ushort`, `short` or `float`. */
  depth: string
  /** The value 0 is white. Only a TIFF can have this. */
  zeroIsWhite: boolean
  /** Samples of one decoded pixel, alpha included. */
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
  /** Maximum of width × height, in pixels. An AVIF or HEIC may have half as many, see `maxPixelsOf`. */
  maxInputPixels: number
}

/**
 * An AVIF or HEIC may have half as many pixels as the other formats, because libheif keeps several copies of it while
 * it decodes. An AVIF takes 19 bytes for each pixel, or 31 with 12 bits and alpha. The other formats take at most 10
 * bytes (16 bits, alpha, interlaced).
 */
const HEIF_PART = 0.5

/**
 * Returns the maximum number of pixels of an image of this format.
 * @param maxInputPixels the setting MAX_INPUT_PIXELS
 */
export function maxPixelsOf (format: ImageFormat, maxInputPixels: number): number {
  return format === 'avif' || format === 'heic' ? Math.floor(maxInputPixels * HEIF_PART) : maxInputPixels
}

/** Maximum of the longer side divided by the shorter side. `smart_resize` of Qwen refuses the same images. */
export const MAX_RATIO = 200

/** The name that sharp's metadata gives to each format. */
const LOADERS: Record<ImageFormat, string> = {
  jpeg: 'jpeg', png: 'png', webp: 'webp', avif: 'heif', heic: 'heif', gif: 'gif', tiff: 'tiff'
}

/** The codecs of the formats that share a container. */
const CODECS: Partial<Record<ImageFormat, string>> = { avif: 'av1', heic: 'hevc' }

const BITS_OF_DEPTH: Record<string, number> = { uchar: 8, char: 8, ushort: 16, short: 16, uint: 32, int: 32, float: 32 }

/**
 * Checks a file and reads its header, without decoding pixels. The format comes from the bytes, never from the name.
 * The structure of the file is checked (see `checkStructure`) before a decoder library reads it.
 *
 * @throws EmptyFileError, UnsupportedImageError, CorruptImageError, ImageTooManyPixelsError, ImageTooNarrowError
 * @throws the error of the file system when the file cannot be opened
 * @example
 * const file = { path, label: 'images[0] ("dog.jpg")', bytes }
 * const { format, width, height } = await inspectImage(file, { maxInputPixels: 100_000_000 })
 */
export async function inspectImage (file: ImageFile, limits: InspectLimits): Promise<ImageHeader> {
  const { format, maxPixels, zeroIsWhite } = await readFormat(file, limits)
  const metadata = await readMetadata(file, format)
  const { width, height } = metadata.autoOrient
  const size = { width, height }
  if (width * height > maxPixels) {
    const isHeif = format === 'avif' || format === 'heic'
    const label = isHeif ? heifLabel(format, file.label) : verbatim(file.label)
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
    depth: metadata.depth,
    zeroIsWhite,
    channels: metadata.channels,
    space: metadata.space,
    palette: metadata.isPalette,
    hasAlpha: metadata.hasAlpha,
    hasProfile: metadata.hasProfile
  }
}

/** Detects the format from the first bytes and checks the structure of the whole file. */
async function readFormat (
  { path, label, bytes }: ImageFile, { maxInputPixels }: InspectLimits
): Promise<{ format: ImageFormat, maxPixels: number, zeroIsWhite: boolean }> {
  const handle = await open(path)
  try {
    const reader = await createReader(handle)
    const head = (await reader.from(0, KIND_BYTES)).subarray(0, KIND_BYTES)
    if (bytes === 0 || head.length === 0) throw new EmptyFileError(label)
    const kind = kindOf(head)
    if (kind.format === null) throw new UnsupportedImageError(label, kind.seems, kind.advice)
    const { format } = kind
    const maxPixels = maxPixelsOf(format, maxInputPixels)
    const traits = format === 'tiff' ? await readTiffTraits(reader) : null
    if (traits?.unsupported) throw new UnsupportedImageError(label, traits.unsupported, IMAGE_ADVICE.convert)
    await checkStructure(format, reader, label, maxPixels)
    return { format, maxPixels, zeroIsWhite: traits?.zeroIsWhite ?? false }
  } finally {
    await handle.close()
  }
}

async function readMetadata (file: ImageFile, format: ImageFormat): Promise<Metadata> {
  let metadata: Metadata
  try {
    // The caller checks the number of pixels, with an error that names the limit.
    metadata = await sharp(file.path, { limitInputPixels: false, failOn: 'error' }).metadata()
  } catch (cause) {
    // The message of libvips can contain the path, so it is for the log only.
    throw Object.assign(new CorruptImageError(file.label, IMAGE_FAULTS.damagedHeader), { cause })
  }
  // Either libvips chose another loader than the first bytes suggest, or the container has another codec.
  const unexpected = metadata.format !== LOADERS[format] ||
    (metadata.format === 'heif' && metadata.compression !== CODECS[format])
  if (unexpected) {
    throw new CorruptImageError(file.label, {
      en: `its first bytes say ${format.toUpperCase()}, but its content is something else`,
      zh: `开头是 ${format.toUpperCase()}，内容却不是`
    })
  }
  return metadata
}
