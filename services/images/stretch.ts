import type { Sharp } from 'sharp'
import type { ImageHeader } from './inspect.ts'

/** Largest value of an unsigned sample of 16 bits. */
const MAX_USHORT = 65_535
/** Cameras and microscopes store samples of 10, 12 or 14 bits in 16. */
const MAX_14_BITS = 16_383
/** Added to signed samples of 16 bits, because sharp clips negative ones. */
const SIGNED_OFFSET = 32_768
/** GIS programs mark missing samples with the smallest float. */
const MAX_MAGNITUDE = 1e30
/** Linear light between these limits is shown as it is. It is at least 0, apart from errors of rounding. */
const LIGHT = { min: -1, dark: 0.1, max: 16 }
/** Grey for an image of one value other than 0. */
const MIDDLE = 128

/** Colour spaces whose samples can be read unchanged. */
const SPACES = new Set(['b-w', 'grey16', 'rgb16', 'scrgb', 'srgb'])

/**
 * Returns whether the samples of an image may be measurements, which need not use the range of their type: depths,
 * intensities of a microscope, temperatures. Photos of 16 bits have a profile.
 */
export function mayBeMeasured (header: ImageHeader): boolean {
  if (header.format !== 'tiff' && header.format !== 'png') return false
  if (!SPACES.has(header.space) || header.depth === 'uchar') return false
  return header.depth !== 'ushort' || header.hasExtra || (!header.hasProfile && !header.hasAlpha)
}

/**
 * Makes sharp return the samples of an image in the units of the file, as floats.
 * @param image an image that `mayBeMeasured`, already resized
 */
export function asMeasured (image: Sharp, header: ImageHeader): Sharp {
  if (isShifted(header)) image.linear(1, SIGNED_OFFSET)
  if (header.space === 'scrgb') image.pipelineColourspace('scrgb')
  return image.removeAlpha().toColourspace(header.space).raw({ depth: 'float' })
}

const isShifted = ({ space, depth }: ImageHeader) => space === 'grey16' && depth === 'short'

/**
 * Returns a test for samples that contain no measurement: NaN, infinities, the smallest float, and the value that the
 * tag GDAL_NODATA names.
 */
export function missingIn (header: ImageHeader): (sample: number) => boolean {
  const { nodata, depth, zeroIsWhite } = header
  if (nodata === null) return sample => !isNumber(sample)
  const shifted = isShifted(header) ? nodata + SIGNED_OFFSET : nodata
  // libvips inverts these samples.
  const mark = Math.fround(zeroIsWhite && depth === 'ushort' ? MAX_USHORT - shifted : shifted)
  return sample => sample === mark || !isNumber(sample)
}

export interface Range { min: number, max: number }

export const isLight = (space: string, { min, max }: Range) =>
  space === 'scrgb' && min >= LIGHT.min && max >= LIGHT.dark && max <= LIGHT.max

/**
 * Returns the values that become black and white.
 * - Signed and floating-point samples and integers of 32 bits are stretched from their smallest to their largest value.
 * - Samples of 16 bits are stretched if they use at most 14 bits. Otherwise the upper 8 bits stay.
 *
 * @param range of the samples that are not missing
 */
export function shownRange (range: Range, { depth, zeroIsWhite }: ImageHeader): Range {
  const used = zeroIsWhite ? MAX_USHORT - range.min : range.max
  const isFull = depth === 'ushort' && (used > MAX_14_BITS || range.min === range.max)
  return isFull ? { min: 0, max: MAX_USHORT } : range
}

/**
 * Converts samples to 8 bits.
 * @param samples the result of `asMeasured`, none of which is missing
 */
export function toBytes (samples: Float32Array, { min, max }: Range): Uint8Array {
  const factor = max > min ? 255 / (max - min) : 0
  const bytes = new Uint8Array(samples.length)
  for (let i = 0; i < samples.length; i++) {
    const value = samples[i]!
    if (factor === 0) bytes[i] = value === 0 ? 0 : MIDDLE
    else bytes[i] = Math.min(255, Math.max(0, Math.round((value - min) * factor)))
  }
  return bytes
}

/** Whether a sample is a number that instruments measure. */
function isNumber (value: number): boolean {
  return Math.abs(value) <= MAX_MAGNITUDE
}
