import { open } from 'node:fs/promises'
import type { Metadata } from 'sharp'
import {
  CorruptImageError, EmptyFileError, ImageTooManyPixelsError, ImageTooNarrowError, UnsupportedImageError, withDetails
} from '../../errors/catalogue.ts'
import { verbatim } from '../../errors/language.ts'
import { FILE_KINDS, IMAGE_ADVICE, IMAGE_FAULTS } from '../../errors/phrases.ts'
import { KIND_BYTES, kindOf, type FileFormat, type ImageFormat } from './kind.ts'
import type { FilePart, PagePart } from './part.ts'
import type { Size } from './plan.ts'
import sharp from './sharp.ts'
import { heifLabel } from './structure/heif.ts'
import { checkStructure } from './structure/index.ts'
import { unsupportedJpeg } from './structure/jpeg.ts'
import { createReader } from './structure/reader.ts'
import { readTiffTraits, type TiffTraits } from './tiff.ts'

/** A file that a client sent. Its request owns the file and removes it. */
export interface ImageFile {
  path: string
  /** The name of the file in messages for people, e.g. `images[1] ("dog.jpg")`. */
  label: string
  /** Size of the file. */
  bytes: number
  /** The part of the file that is the image; undefined for a file with one image. */
  part?: FilePart
}

/** The properties of an image that its header states. No pixels are decoded to get them. */
export interface ImageHeader {
  format: FileFormat
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
  /** The last channel is neither a colour nor alpha, e.g. near infrared. Only a TIFF can have one. */
  hasExtra: boolean
  /** The value of samples without a measurement (GDAL_NODATA of a TIFF). */
  nodata: number | null
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
  const { part } = file
  if (part?.type === 'page') return headerOfPage(file, part)
  const { format, maxPixels, traits } = await readFormat(file, limits)
  const metadata = await readMetadata(file, format)
  const { width, height } = metadata.autoOrient
  const size = { width, height }
  if (width * height > maxPixels) {
    const isHeif = format === 'avif' || format === 'heic'
    const label = isHeif ? heifLabel(format, file.label) : verbatim(file.label)
    throw withDetails(new ImageTooManyPixelsError(label, width, height, maxPixels), { ...size, max_pixels: maxPixels })
  }
  checkRatio(file, size)

  return {
    format,
    width,
    height,
    orientation: metadata.orientation ?? 1,
    pages: part?.frames ?? metadata.pages ?? 1,
    bits: metadata.bitsPerSample ?? BITS_OF_DEPTH[metadata.depth] ?? 64,
    depth: metadata.depth,
    zeroIsWhite: traits?.zeroIsWhite ?? false,
    channels: metadata.channels,
    space: metadata.space,
    palette: metadata.isPalette,
    hasAlpha: metadata.hasAlpha && !traits?.hasExtra,
    hasExtra: metadata.hasAlpha && (traits?.hasExtra ?? false),
    nodata: traits?.nodata ?? null,
    hasProfile: metadata.hasProfile
  }
}

function checkRatio ({ label }: ImageFile, { width, height }: Size): void {
  if (Math.max(width, height) <= MAX_RATIO * Math.min(width, height)) return
  throw withDetails(new ImageTooNarrowError(label, width, height), { width, height })
}

/** A page was measured when its document was opened. */
function headerOfPage (file: ImageFile, { width, height }: PagePart): ImageHeader {
  checkRatio(file, { width, height })
  return {
    format: 'pdf',
    width,
    height,
    orientation: 1,
    pages: 1,
    bits: 8,
    depth: 'uchar',
    zeroIsWhite: false,
    channels: 3,
    space: 'srgb',
    palette: false,
    hasAlpha: false,
    hasProfile: false,
    hasExtra: false,
    nodata: null
  }
}

/** Detects the format from the first bytes and checks the structure of the whole file. */
async function readFormat (
  { path, label, bytes }: ImageFile, { maxInputPixels }: InspectLimits
): Promise<{ format: ImageFormat, maxPixels: number, traits: TiffTraits | null }> {
  const handle = await open(path)
  try {
    const reader = await createReader(handle)
    const head = (await reader.from(0, KIND_BYTES)).subarray(0, KIND_BYTES)
    if (bytes === 0 || head.length === 0) throw new EmptyFileError(label)
    const kind = kindOf(head)
    if (kind.format === null) throw new UnsupportedImageError(label, kind.seems, kind.advice)
    const { format } = kind
    // The pages of a document are inspected, not the document.
    if (format === 'pdf') throw new UnsupportedImageError(label, FILE_KINDS.pdf, IMAGE_ADVICE.convert)
    const maxPixels = maxPixelsOf(format, maxInputPixels)
    const traits = format === 'tiff' ? await readTiffTraits(reader) : null
    const unsupported = format === 'jpeg' ? await unsupportedJpeg(reader) : traits?.unsupported
    if (unsupported) throw new UnsupportedImageError(label, unsupported, IMAGE_ADVICE.convert)
    await checkStructure(format, reader, label, maxPixels)
    return { format, maxPixels, traits }
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
    // The directory of a TIFF can be anywhere in the file, and libtiff compares it with the length of the file.
    const fault = format === 'tiff' ? IMAGE_FAULTS.damaged : IMAGE_FAULTS.damagedHeader
    throw Object.assign(new CorruptImageError(file.label, fault), { cause })
  }
  // libvips can choose another loader than the first bytes suggest.
  if (metadata.format !== LOADERS[format]) {
    throw new CorruptImageError(file.label, IMAGE_FAULTS.otherContent(format.toUpperCase()))
  }
  return metadata
}
