import { CorruptImageError } from '../../../errors/catalogue.ts'
import { IMAGE_FAULTS } from '../../../errors/phrases.ts'
import { Bound } from '../structure/bound.ts'
import type { Reader } from '../structure/reader.ts'

// libvips reads only the first image of an animated PNG. The format: https://www.w3.org/TR/png-3/#apng-frame-based-animation

/** Maximum number of chunks of an animation. A frame often has one for each 8 or 64 kB. */
export const MAX_APNG_CHUNKS = 20_000

/** A piece of a file. */
export interface Piece { at: number, length: number }

/** What happens to the area of a frame before the next one: it stays, is cleared, or becomes what it was before. */
export type Disposal = 'keep' | 'clear' | 'restore'

export interface ApngFrame {
  left: number
  top: number
  width: number
  height: number
  delayMs: number
  disposal: Disposal
  /** The frame covers what is below, also where it is transparent. */
  replaces: boolean
  /** The compressed pixels. */
  data: Piece[]
}

export interface Apng {
  width: number
  height: number
  /** Data of the chunk IHDR. */
  header: Buffer
  /** Chunks that all frames need, e.g. the palette, as they are in the file. */
  common: Piece[]
  /** Empty for a PNG without animation. */
  frames: ApngFrame[]
}

const SIGNATURE_BYTES = 8
const HEAD_BYTES = 8
const CHECKSUM_BYTES = 4
const FRAME_BYTES = 26
/** fdAT begins with a number. */
const SEQUENCE_BYTES = 4
const DEFAULT_DENOMINATOR = 100
const MS = 1000
const DISPOSALS: Disposal[] = ['keep', 'clear', 'restore']
/** Chunks before the pixels that change how pixels are decoded. */
const COMMON = new Set(['PLTE', 'tRNS', 'gAMA', 'cHRM', 'sRGB', 'iCCP', 'cICP', 'sBIT'])

/**
 * Reads the frames of an animated PNG, without their pixels.
 * @param label the name of the file in messages
 * @throws CorruptImageError
 */
export async function readApng (reader: Reader, label: string): Promise<Apng> {
  const chunks = new Bound(label, MAX_APNG_CHUNKS, {
    en: `it has more than ${MAX_APNG_CHUNKS} chunks`, zh: `数据块超过 ${MAX_APNG_CHUNKS} 个`
  })
  const apng: Apng = { width: 0, height: 0, header: Buffer.alloc(0), common: [], frames: [] }
  let isAnimated = false
  for (let at = SIGNATURE_BYTES; ;) {
    const head = await reader.from(at, HEAD_BYTES)
    if (head.length < HEAD_BYTES) break
    const length = head.readUInt32BE(0)
    const type = head.toString('latin1', 4, HEAD_BYTES)
    const data = { at: at + HEAD_BYTES, length }
    // A still PNG may have as many chunks of pixels as it likes.
    if (type === 'IEND' || (type === 'IDAT' && !isAnimated)) break
    chunks.add()
    if (type === 'acTL') isAnimated = true
    if (type === 'IHDR') readHeader(apng, (await reader.from(data.at, length)).subarray(0, length))
    if (type === 'fcTL') apng.frames.push(frameOf(await reader.from(data.at, FRAME_BYTES), apng, label))
    // Before the first fcTL, IDAT is an image for programs without animations.
    if (type === 'IDAT') apng.frames.at(-1)?.data.push(data)
    if (type === 'fdAT') {
      apng.frames.at(-1)?.data.push({ at: data.at + SEQUENCE_BYTES, length: Math.max(length - SEQUENCE_BYTES, 0) })
    }
    if (COMMON.has(type)) apng.common.push({ at, length: HEAD_BYTES + length + CHECKSUM_BYTES })
    at += HEAD_BYTES + length + CHECKSUM_BYTES
  }
  return { ...apng, frames: isAnimated ? apng.frames.filter(({ data }) => data.length > 0) : [] }
}

function readHeader (apng: Apng, header: Buffer): void {
  if (header.length < HEAD_BYTES) return
  apng.header = Buffer.from(header)
  apng.width = header.readUInt32BE(0)
  apng.height = header.readUInt32BE(4)
}

function frameOf (bytes: Buffer, { width: canvasWidth, height: canvasHeight }: Apng, label: string): ApngFrame {
  if (bytes.length < FRAME_BYTES) throw new CorruptImageError(label, IMAGE_FAULTS.damaged)
  const [width, height] = [bytes.readUInt32BE(4), bytes.readUInt32BE(8)]
  const [left, top] = [bytes.readUInt32BE(12), bytes.readUInt32BE(16)]
  const fits = width > 0 && height > 0 && left + width <= canvasWidth && top + height <= canvasHeight
  if (!fits) throw new CorruptImageError(label, IMAGE_FAULTS.damaged)
  return {
    left,
    top,
    width,
    height,
    delayMs: MS * bytes.readUInt16BE(20) / (bytes.readUInt16BE(22) || DEFAULT_DENOMINATOR),
    disposal: DISPOSALS[bytes[24]!] ?? 'keep',
    replaces: bytes[25] === 0,
    data: []
  }
}
