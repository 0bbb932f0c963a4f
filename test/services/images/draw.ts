import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { crc32, deflateSync } from 'node:zlib'
import sharp, { type Sharp } from 'sharp'
import { inspectImage, type ImageFile } from '../../../services/images/inspect.ts'
import { prepareImage, type PreparedImage } from '../../../services/images/prepare.ts'
import type { Size } from '../../../services/images/plan.ts'

export const LIMITS = { maxInputPixels: 100_000_000 }

export type Colour = [red: number, green: number, blue: number]

/** Draws an image of one colour. */
export function plain (width: number, height: number, background = '#c83c28'): Sharp {
  return sharp({ create: { width, height, channels: 3, background } })
}

/** Draws a pattern that does not compress well. */
export function noise (width: number, height: number): Sharp {
  const data = Buffer.from(Array.from({ length: width * height * 3 }, (_, i) => (i * 7919 >> 3) & 255))
  return sharp(data, { raw: { width, height, channels: 3 } })
}

/** Writes a file as the service stores an upload. */
export async function store (dir: string, name: string, bytes: Buffer): Promise<ImageFile> {
  const file = path.join(dir, name)
  await writeFile(file, bytes)
  return { path: file, label: `images[0] ("${name}")`, bytes: bytes.length }
}

/** Inspects and prepares a file. */
export async function prepare (file: ImageFile, size: Size, signal?: AbortSignal): Promise<PreparedImage> {
  return await prepareImage(file, await inspectImage(file, LIMITS), size, signal)
}

/** Reads the stored colour of one pixel, without applying a profile. */
export async function pixel (file: string, left: number, top: number): Promise<Colour> {
  const { data, info } = await sharp(file, { ignoreIcc: true }).raw().toBuffer({ resolveWithObject: true })
  const at = (top * info.width + left) * info.channels
  return [data[at]!, data[at + 1]!, data[at + 2]!]
}

/** Returns true if no channel differs by more than `tolerance`. */
export function near (a: Colour, b: Colour, tolerance = 2): boolean {
  return a.every((value, i) => Math.abs(value - b[i]!) <= tolerance)
}

/** Creates a PNG that claims a size and contains one row. */
export function pngOfClaimedSize (width: number, height: number): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 2], 8) // 8 bits, RGB
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header), chunk('IDAT', deflateSync(Buffer.alloc(100))), chunk('IEND', Buffer.alloc(0))
  ])
}

function chunk (type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const framed = Buffer.alloc(body.length + 8)
  framed.writeUInt32BE(data.length, 0)
  framed.set(body, 4)
  framed.writeUInt32BE(crc32(body), body.length + 4)
  return framed
}
