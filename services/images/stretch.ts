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
  return header.depth !== 'ushort' || (!header.hasProfile && !header.hasAlpha)
}

/**
 * Makes sharp return the samples of an image in the units of the file, as floats.
 * @param image an image that `mayBeMeasured`, already resized
 */
export function asMeasured (image: Sharp, { space, depth }: ImageHeader): Sharp {
  if (space === 'grey16' && depth === 'short') image.linear(1, SIGNED_OFFSET)
  if (space === 'scrgb') image.pipelineColourspace('scrgb')
  return image.removeAlpha().toColourspace(space).raw({ depth: 'float' })
}

/**
 * Converts samples to 8 bits.
 * - Signed and floating-point samples and integers of 32 bits are stretched from their smallest to their largest value.
 * - Samples of 16 bits are stretched if they use at most 14 bits. Otherwise the upper 8 bits stay.
 *
 * @param samples the result of `asMeasured`. Samples that are no numbers become black.
 * @returns null if the samples are linear light, which sharp converts
 */
export function toBytes (samples: Float32Array, { space, depth, zeroIsWhite }: ImageHeader): Uint8Array | null {
  const range = rangeOf(samples)
  if (space === 'scrgb' && range.min >= LIGHT.min && range.max >= LIGHT.dark && range.max <= LIGHT.max) return null

  const used = zeroIsWhite ? MAX_USHORT - range.min : range.max
  const isFull = depth === 'ushort' && (used > MAX_14_BITS || range.min === range.max)
  const { min, max } = isFull ? { min: 0, max: MAX_USHORT } : range
  const factor = max > min ? 255 / (max - min) : 0
  const bytes = new Uint8Array(samples.length)
  for (let i = 0; i < samples.length; i++) {
    const value = samples[i]!
    if (!isNumber(value)) continue
    if (factor === 0) bytes[i] = value === 0 ? 0 : MIDDLE
    else bytes[i] = Math.min(255, Math.max(0, Math.round((value - min) * factor)))
  }
  return bytes
}

function rangeOf (samples: Float32Array): { min: number, max: number } {
  let [min, max] = [Infinity, -Infinity]
  for (const value of samples) {
    if (!isNumber(value)) continue
    if (value < min) min = value
    if (value > max) max = value
  }
  return { min, max }
}

function isNumber (value: number): boolean {
  return Math.abs(value) <= MAX_MAGNITUDE
}
