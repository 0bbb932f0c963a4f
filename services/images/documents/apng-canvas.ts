import { open } from 'node:fs/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { CorruptImageError } from '../../../errors/catalogue.ts'
import { IMAGE_FAULTS } from '../../../errors/phrases.ts'
import type { ImageFile } from '../inspect.ts'
import sharp from '../sharp.ts'
import { createReader, type Reader } from '../structure/reader.ts'
import { readApng, type Apng, type ApngFrame, type Piece } from './apng.ts'

const SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')
/** RGBA. */
const CHANNELS = 4
const OPAQUE = 255
/** Pixels that are blended between two turns of the event loop. They take about 2 ms. */
const PIXELS_PER_TURN = 256 * 1024

/**
 * Returns the canvas of an animated PNG as it is when a frame is shown, as a still PNG in sRGB.
 * @param number of the frame, from 1
 * @throws CorruptImageError, the reason of `signal`
 */
export async function composeFrame (
  { path, label }: ImageFile, number: number, signal?: AbortSignal
): Promise<Buffer> {
  const handle = await open(path)
  try {
    const reader = await createReader(handle)
    const apng = await readApng(reader, label)
    if (number > apng.frames.length) throw new CorruptImageError(label, IMAGE_FAULTS.damaged)
    const pixels = await compose(apng, number - 1, reader, signal)
    const { width, height } = apng
    return await sharp(pixels, { raw: { width, height, channels: CHANNELS } }).png({ compressionLevel: 0 }).toBuffer()
  } catch (cause) {
    signal?.throwIfAborted()
    if (cause instanceof CorruptImageError) throw cause
    throw Object.assign(new CorruptImageError(label, IMAGE_FAULTS.damaged), { cause })
  } finally {
    await handle.close()
  }
}

async function compose (apng: Apng, last: number, reader: Reader, signal?: AbortSignal): Promise<Buffer> {
  const canvas = Buffer.alloc(apng.width * apng.height * CHANNELS)
  for (let index = firstNeeded(apng, last); index <= last; index++) {
    signal?.throwIfAborted()
    const frame = apng.frames[index]!
    const pixels = await decode(await toPng(apng, frame, reader))
    const before = frame.disposal === 'restore' && index < last ? copyArea(canvas, frame, apng.width) : null
    await draw(canvas, pixels, frame, apng.width)
    if (index === last) break
    if (frame.disposal === 'clear') fillArea(canvas, null, frame, apng.width)
    if (before !== null) fillArea(canvas, before, frame, apng.width)
  }
  return canvas
}

/** Frames before one that covers the whole canvas do not matter. */
function firstNeeded ({ frames, width, height }: Apng, last: number): number {
  const first = frames.findLastIndex((frame, index) => index <= last && frame.replaces && frame.width === width &&
    frame.height === height && (index === last || frame.disposal !== 'restore'))
  return Math.max(first, 0)
}

/** Makes a still PNG of the pixels of a frame. */
async function toPng (apng: Apng, frame: ApngFrame, reader: Reader): Promise<Buffer> {
  const read = async ({ at, length }: Piece) => Buffer.from((await reader.from(at, length)).subarray(0, length))
  const header = Buffer.from(apng.header)
  header.writeUInt32BE(frame.width, 0)
  header.writeUInt32BE(frame.height, 4)
  const pieces = [SIGNATURE, chunkOf('IHDR', header)]
  for (const piece of apng.common) pieces.push(await read(piece))
  for (const piece of frame.data) pieces.push(chunkOf('IDAT', await read(piece)))
  return Buffer.concat([...pieces, chunkOf('IEND', Buffer.alloc(0))])
}

function chunkOf (type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  checksum.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, checksum])
}

async function decode (png: Buffer): Promise<Buffer> {
  return await sharp(png, { failOn: 'error', limitInputPixels: false }).toColourspace('srgb').ensureAlpha()
    .raw({ depth: 'uchar' }).toBuffer()
}

async function draw (canvas: Buffer, pixels: Buffer, frame: ApngFrame, canvasWidth: number): Promise<void> {
  if (frame.replaces) return fillArea(canvas, pixels, frame, canvasWidth)
  let blended = 0
  for (let row = 0; row < frame.height; row++) {
    blendRow(canvas, startOf(frame, row, canvasWidth), pixels, row * frame.width * CHANNELS, frame.width)
    blended += frame.width
    if (blended < PIXELS_PER_TURN) continue
    blended = 0
    await nextTurn()
  }
}

/** Draws pixels over a row of the canvas. Colours are not multiplied by alpha. */
function blendRow (canvas: Buffer, start: number, pixels: Buffer, from: number, width: number): void {
  for (let x = 0; x < width; x++) {
    const [to, at] = [start + x * CHANNELS, from + x * CHANNELS]
    const above = pixels[at + 3]!
    if (above === 0) continue
    // The canvas below stays visible where the frame is transparent.
    const below = above === OPAQUE ? 0 : canvas[to + 3]! * (OPAQUE - above) / OPAQUE
    const alpha = above + below
    for (let channel = 0; channel < 3; channel++) {
      canvas[to + channel] = Math.round((pixels[at + channel]! * above + canvas[to + channel]! * below) / alpha)
    }
    canvas[to + 3] = Math.round(alpha)
  }
}

/** Replaces the area of a frame; null clears it. */
function fillArea (canvas: Buffer, pixels: Buffer | null, frame: ApngFrame, canvasWidth: number): void {
  const length = frame.width * CHANNELS
  for (let row = 0; row < frame.height; row++) {
    const to = startOf(frame, row, canvasWidth)
    if (pixels === null) canvas.fill(0, to, to + length)
    else pixels.copy(canvas, to, row * length, (row + 1) * length)
  }
}

function copyArea (canvas: Buffer, frame: ApngFrame, canvasWidth: number): Buffer {
  const length = frame.width * CHANNELS
  return Buffer.concat(Array.from({ length: frame.height }, (_, row) => {
    const from = startOf(frame, row, canvasWidth)
    return canvas.subarray(from, from + length)
  }))
}

/** Returns the offset of a row of a frame in the canvas. */
function startOf ({ left, top }: ApngFrame, row: number, canvasWidth: number): number {
  return ((top + row) * canvasWidth + left) * CHANNELS
}
