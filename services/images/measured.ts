import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Sharp } from 'sharp'
import { CorruptImageError } from '../../errors/catalogue.ts'
import { IMAGE_FAULTS } from '../../errors/phrases.ts'
import type { ImageHeader } from './inspect.ts'
import { Selection } from './outliers.ts'
import type { Size } from './plan.ts'
import sharp from './sharp.ts'
import { asMeasured, isLight, missingIn, shownRange, toBytes, type Range } from './stretch.ts'

/** Decodes an image after changing its pipeline. */
export type ReadImage = (change: (image: Sharp) => Sharp) => Promise<Buffer>

/** At most this part of the samples at each end of the range is cut off, see `withoutOutliers`. */
const OUTLIERS = 0.001
/** Resampling spreads a hot pixel, so a resized image is examined with a larger part. */
const SPREAD_OUTLIERS = 0.01
/** Samples that are computed in one turn of the event loop. */
const SAMPLES_OF_TURN = 1 << 19
const MAX_USHORT = 65_535
const CHANNELS = [0, 1, 2] as const

/**
 * Converts samples that do not use the range of their type.
 *
 * Resampling would spread a missing sample or a hot pixel over its neighbours. Most images have neither, so they are
 * resampled first. An image that seems to have some is decoded again in its full size.
 *
 * @param header of an image that `mayBeMeasured`
 * @returns a PNG; null if the samples are linear light, which sharp converts
 * @throws CorruptImageError if all samples are missing, errors of `read`
 */
export async function convertMeasured (
  read: ReadImage, header: ImageHeader, size: Size, label: string
): Promise<Buffer | null> {
  if (header.nodata === null && !header.hasExtra) {
    const { width, height } = size
    const samples = toFloats(await read(image =>
      asMeasured(image.resize(width, height, { fit: 'fill', kernel: 'lanczos3' }), header)))
    const selection = new Selection(samples.length, missingIn(header))
    selection.add(samples)
    const { whole } = selection
    const isPlain = whole !== null && !selection.hasMissing && isSame(whole, selection.inner(SPREAD_OUTLIERS)!)
    if (isPlain && isLight(header.space, whole)) return null
    if (isPlain) return await toPng(toBytes(samples, shownRange(whole, header)), size)
  }
  return await convertExactly(read, header, size, label)
}

/** Replaces missing samples and cuts outliers off, and resamples then. It keeps one channel at a time in memory. */
async function convertExactly (
  read: ReadImage, header: ImageHeader, size: Size, label: string
): Promise<Buffer | null> {
  const pixels = header.width * header.height
  const count = header.channels >= 3 ? 3 : 1
  const readChannel = async (channel: 0 | 1 | 2) =>
    toFloats(await read(image => asMeasured(count === 1 ? image : image.extractChannel(channel), header)))

  const isMissing = missingIn(header)
  const selection = new Selection(pixels * count, isMissing)
  let samples = new Float32Array()
  for (const channel of CHANNELS.slice(0, count)) {
    samples = await readChannel(channel)
    await inTurns(samples.length, (from, to) => selection.add(samples.subarray(from, to)))
  }
  const range = selection.inner(OUTLIERS)
  if (range === null) throw new CorruptImageError(label, IMAGE_FAULTS.noSamples)
  const light = isLight(header.space, range)
  if (light && !selection.hasMissing && !header.hasExtra) return null
  const shown = light ? { min: 0, max: 1 } : shownRange(range, header)

  const channels: Uint8Array[] = []
  for (const channel of CHANNELS.slice(0, count)) {
    if (count > 1) samples = await readChannel(channel)
    const values = await toUshorts(samples, shown, isMissing)
    channels.push(await resample(values, header, size, light))
  }
  return await toPng(interleave(channels), size)
}

/** Missing samples become the smallest value. */
async function toUshorts (
  samples: Float32Array, { min, max }: Range, isMissing: (sample: number) => boolean
): Promise<Uint16Array> {
  const values = new Uint16Array(samples.length)
  const factor = max > min ? MAX_USHORT / (max - min) : 0
  await inTurns(samples.length, (from, to) => {
    for (let i = from; i < to; i++) {
      const value = samples[i]!
      if (isMissing(value)) continue
      if (factor === 0) values[i] = value === 0 ? 0 : MAX_USHORT / 2
      else values[i] = Math.min(MAX_USHORT, Math.max(0, Math.round((value - min) * factor)))
    }
  })
  return values
}

async function resample (
  values: Uint16Array, { width, height }: Size, size: Size, isLinear: boolean
): Promise<Uint8Array> {
  const options = { raw: { width, height, channels: 1 as const }, limitInputPixels: false }
  const buffer = await sharp(values, options).resize(size.width, size.height, { fit: 'fill', kernel: 'lanczos3' })
    .toColourspace('grey16').raw({ depth: 'ushort' }).toBuffer()
  const resized = new Uint16Array(buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength))
  return Uint8Array.from(resized, value => {
    const part = value / MAX_USHORT
    return Math.round(255 * (isLinear ? toGamma(part) : part))
  })
}

/** The transfer function of sRGB. */
function toGamma (light: number): number {
  return light <= 0.003_130_8 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055
}

function interleave (channels: Uint8Array[]): Uint8Array {
  if (channels.length === 1) return channels[0]!
  const all = new Uint8Array(channels[0]!.length * channels.length)
  for (const [channel, bytes] of channels.entries()) {
    for (let i = 0; i < bytes.length; i++) all[i * channels.length + channel] = bytes[i]!
  }
  return all
}

async function toPng (bytes: Uint8Array, { width, height }: Size): Promise<Buffer> {
  const channels = bytes.length / (width * height) as 1 | 3
  const image = sharp(bytes, { raw: { width, height, channels } })
  return await image.toColourspace('srgb').png({ compressionLevel: 0 }).toBuffer()
}

function toFloats ({ buffer, byteOffset, byteLength }: Buffer): Float32Array<ArrayBuffer> {
  const isAligned = byteOffset % Float32Array.BYTES_PER_ELEMENT === 0
  return isAligned
    ? new Float32Array(buffer as ArrayBuffer, byteOffset, byteLength / Float32Array.BYTES_PER_ELEMENT)
    : new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer)
}

const isSame = (a: Range, b: Range) => a.min === b.min && a.max === b.max

/** Lets the event loop continue between pieces of a long computation. */
async function inTurns (length: number, compute: (from: number, to: number) => void): Promise<void> {
  for (let from = 0; from < length; from += SAMPLES_OF_TURN) {
    compute(from, Math.min(length, from + SAMPLES_OF_TURN))
    await nextTurn()
  }
}
