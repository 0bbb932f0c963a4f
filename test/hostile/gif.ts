import { join, le16, patched, repeated } from '../../tools/lib/bytes.ts'
import { noise } from '../services/images/draw.ts'
import { MAX_INPUT_PIXELS, toImages, TOO_LONG_SIDE, type HostileImage } from './hostile-image.ts'

/** One pixel of the first colour, in LZW. */
const PIXEL = join(2, 2, 0x44, 0x01, 0)
const TRAILER = Buffer.from([0x3b])

interface Screen { width: number, height: number, magic?: string }

/** Creates a GIF of two colours with these blocks. */
export function gif ({ width, height, magic = 'GIF89a' }: Screen, ...blocks: Buffer[]): Buffer {
  return join(magic, le16(width, height), 0x80, 0, 0, Buffer.from([0, 0, 0, 255, 255, 255]), ...blocks, TRAILER)
}

/** Creates a frame at a position on the screen. */
export function frame (left: number, top: number, width: number, height: number, data = PIXEL): Buffer {
  return join(0x2c, le16(left, top, width, height), 0, data)
}

/** Splits bytes into blocks of at most 255 bytes. */
function blocks (bytes: Buffer): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at < bytes.length; at += 255) {
    const part = bytes.subarray(at, at + 255)
    parts.push(join(part.length, part))
  }
  return join(...parts, 0)
}

const extension = (label: number, content: Buffer) => join(0x21, label, blocks(content))
/** A delay of 0.1 s before the next frame. */
const control = join(0x21, 0xf9, 4, 0, le16(10), 0, 0)

export async function hostileGifs (): Promise<HostileImage[]> {
  const good = await noise(90, 70).gif().toBuffer()
  const one = frame(0, 0, 1, 1)
  const side = Math.floor(Math.sqrt(MAX_INPUT_PIXELS))

  return toImages('GIF', [
    ['65535 x 65535', gif({ width: 65_535, height: 65_535 }, frame(0, 0, 65_535, 65_535)), 'IMAGE_TOO_MANY_PIXELS'],
    [
      'just above the limit',
      gif({ width: TOO_LONG_SIDE, height: TOO_LONG_SIDE }, frame(0, 0, TOO_LONG_SIDE, TOO_LONG_SIDE)),
      'IMAGE_TOO_MANY_PIXELS'
    ],
    // The decoder adapts the size of the screen to its frames.
    ['one pixel on a screen of 65535 x 65535', gif({ width: 65_535, height: 65_535 }, one), 'accepted'],
    [
      'a frame of 65535 x 65535 on a screen of 40 x 30', gif({ width: 40, height: 30 }, frame(0, 0, 65_535, 65_535)),
      'IMAGE_TOO_MANY_PIXELS'
    ],
    [
      'a frame outside of the screen', gif({ width: 40, height: 30 }, frame(60_000, 60_000, 40, 30)),
      'IMAGE_TOO_MANY_PIXELS'
    ],
    ['a screen of 0 x 0', gif({ width: 0, height: 0 }, one), 'accepted'],
    ['a frame of 0 x 0', gif({ width: 40, height: 30 }, frame(0, 0, 0, 0)), 'accepted'],
    ['the maximum number of pixels', gif({ width: side, height: side }, frame(0, 0, side, side)), 'accepted'],
    ['a million frames', gif({ width: 1, height: 1 }, repeated(one, 1_000_000)), 'CORRUPT_IMAGE'],
    ['50000 frames', gif({ width: 40, height: 30 }, repeated(join(control, one), 50_000)), 'accepted'],
    ['no frame', gif({ width: 40, height: 30 }), 'CORRUPT_IMAGE'],
    ['no frame and 60000 delays', gif({ width: 40, height: 30 }, repeated(control, 60_000)), 'CORRUPT_IMAGE'],
    ['a comment of 2 MB', gif({ width: 1, height: 1 }, extension(0xfe, Buffer.alloc(2_000_000, 'x')), one), 'accepted'],
    [
      'an unknown application extension',
      gif({ width: 1, height: 1 }, join(0x21, 0xff, 11, 'EVILAPP0.0X', blocks(Buffer.alloc(5000))), one), 'accepted'
    ],
    [
      'an unknown extension', gif({ width: 1, height: 1 }, extension(0x77, Buffer.alloc(300)), one),
      'accepted'
    ],
    [
      'codes of 13 bits', gif({ width: 40, height: 30 }, frame(0, 0, 40, 30, join(13, blocks(Buffer.alloc(200))))),
      'CORRUPT_IMAGE'
    ],
    [
      'codes of no bits', gif({ width: 40, height: 30 }, frame(0, 0, 40, 30, join(0, blocks(Buffer.alloc(200))))),
      'accepted'
    ],
    [
      'undefined codes',
      gif({ width: 40, height: 30 }, frame(0, 0, 40, 30, join(2, blocks(Buffer.alloc(200, 0xff))))), 'CORRUPT_IMAGE'
    ],
    [
      'a frame of one pixel that announces 40 x 30', gif({ width: 40, height: 30 }, frame(0, 0, 40, 30)),
      'accepted'
    ],
    ['no end', good.subarray(0, good.length - 1), 'accepted'],
    ['only its signature', join('GIF89a'), 'CORRUPT_IMAGE'],
    ['a block longer than the file', patched(good, good.length - 20, Buffer.from([255])), 'accepted'],
    ['version 87a', gif({ width: 1, height: 1, magic: 'GIF87a' }, one), 'accepted'],
    ['a script that is a GIF', join('GIF89a/*', Buffer.alloc(30), '*/=1;alert(1)//;'), 'CORRUPT_IMAGE'],
    ['a script after it', join(good, '*/=1;alert(1)//'), 'accepted']
  ])
}
