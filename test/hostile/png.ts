import { crc32, deflateSync } from 'node:zlib'
import { be16, be32, join, patched, repeated } from '../../tools/lib/bytes.ts'
import { noise } from '../services/images/draw.ts'
import { MAX_INPUT_PIXELS, toImages, TOO_LONG_SIDE, zlibBomb, type HostileImage } from './hostile-image.ts'

const SIGNATURE = '\x89PNG\r\n\x1a\n'

interface Header {
  width: number
  height: number
  bits?: number
  colour?: number
  compression?: number
  filter?: number
  interlace?: number
}

/** Creates a chunk. Its length and checksum can be wrong on purpose. */
export function chunk (
  type: string, data: Buffer, { length = data.length, crc = crc32(join(type, data)) } = {}
): Buffer {
  return join(be32(length), type, data, be32(crc))
}

/** Creates a PNG with these chunks between header and end. */
export function png (header: Header, ...chunks: Buffer[]): Buffer {
  return join(SIGNATURE, headerChunk(header), ...chunks, END)
}

const END = chunk('IEND', Buffer.alloc(0))

function headerChunk (
  { width, height, bits = 8, colour = 2, compression = 0, filter = 0, interlace = 0 }: Header
): Buffer {
  return chunk('IHDR', join(be32(width, height), bits, colour, compression, filter, interlace))
}

/** Creates the pixels of a black image, in rows without a filter. */
export function black (width: number, height: number, bytesPerPixel = 3): Buffer {
  return chunk('IDAT', deflateSync(Buffer.alloc(height * (1 + width * bytesPerPixel))))
}

const SMALL = { width: 64, height: 48 }
const small = black(64, 48)

/** Creates compressed comments that inflate to a number of bytes each, none of them ASCII. */
export function swellingTexts (count: number, bytes: number): Buffer[] {
  const text = deflateSync(Buffer.alloc(bytes, 0xe4))
  return Array.from({ length: count }, (_, i) => chunk('zTXt', join(`k${i}`, 0, 0, text)))
}
const text = (keyword: string, value: string | Buffer) => chunk('tEXt', join(keyword, 0, value))

export async function hostilePngs (): Promise<HostileImage[]> {
  const good = await noise(90, 70).png().toBuffer()
  const side = Math.floor(Math.sqrt(MAX_INPUT_PIXELS))
  const idat = good.indexOf('IDAT') - 4
  const bomb = zlibBomb(12)

  return toImages('PNG', [
    [
      '60000 x 60000 claimed, with a few bytes of pixels', png({ width: 60_000, height: 60_000 }, small),
      'IMAGE_TOO_MANY_PIXELS'
    ],
    ['just above the limit', png({ width: TOO_LONG_SIDE, height: TOO_LONG_SIDE }, small), 'IMAGE_TOO_MANY_PIXELS'],
    ['the maximum number of pixels, in 10 kB', png({ width: side, height: side }, black(side, side)), 'accepted'],
    [
      'the maximum number of pixels, interlaced, 16 bits, alpha',
      png({ width: side, height: side, bits: 16, colour: 6, interlace: 1 }, chunk('IDAT', zlibBomb(6))), 'accepted'
    ],
    ['2147483647 x 2147483647', png({ width: 0x7fffffff, height: 0x7fffffff }, small), 'CORRUPT_IMAGE'],
    ['4294967295 x 1', png({ width: 0xffffffff, height: 1 }, small), 'CORRUPT_IMAGE'],
    ['0 x 0', png({ width: 0, height: 0 }, small), 'CORRUPT_IMAGE'],
    ['1 x 20000', png({ width: 1, height: 20_000 }, black(1, 20_000)), 'IMAGE_TOO_NARROW'],
    ['20000 x 1', png({ width: 20_000, height: 1 }, black(20_000, 1)), 'IMAGE_TOO_NARROW'],
    ['1 x 200', png({ width: 1, height: 200 }, black(1, 200)), 'accepted'],
    ['10000 x 50', png({ width: 10_000, height: 50 }, black(10_000, 50)), 'accepted'],
    ['1 x 1', png({ width: 1, height: 1 }, black(1, 1)), 'accepted'],
    ['pixels that inflate to 200 MB for 64 x 48', png(SMALL, chunk('IDAT', bomb)), 'accepted'],
    ['a profile that inflates to 200 MB', png(SMALL, chunk('iCCP', join('p', 0, 0, bomb)), small), 'accepted'],
    ['a text that inflates to 200 MB', png(SMALL, chunk('zTXt', join('Comment', 0, 0, bomb)), small), 'CORRUPT_IMAGE'],
    ['an international text that inflates to 200 MB', png(
      SMALL, chunk('iTXt', join('Comment', 0, 1, 0, 0, 0, bomb)), small), 'CORRUPT_IMAGE'],
    // sharp would create strings from these texts on the main thread, for two seconds.
    ['20 texts that inflate to 8 MB', png(SMALL, ...swellingTexts(20, 7_900_000), small), 'CORRUPT_IMAGE'],
    ['20 texts that inflate to 0.1 MB', png(SMALL, ...swellingTexts(20, 100_000), small), 'accepted'],
    ['a million unknown chunks', png(
      SMALL, repeated(chunk('evIl', Buffer.alloc(0)), 1_000_000), small), 'CORRUPT_IMAGE'],
    ['5000 texts', png(SMALL, ...Array.from({ length: 5000 }, (_, i) => text(`k${i}`, 'v')), small), 'accepted'],
    ['a text of 4 MB', png(SMALL, text('Comment', Buffer.alloc(4_000_000, 'x')), small), 'accepted'],
    ['a text of 5 MB', png(SMALL, text('Comment', Buffer.alloc(5_000_000, 'x')), small), 'CORRUPT_IMAGE'],
    ['Exif of 60 kB that is not Exif', png(SMALL, chunk('eXIf', Buffer.alloc(60_000, 7)), small), 'accepted'],
    [
      'Exif in a loop',
      png(SMALL, chunk('eXIf', join('MM\0*', be32(8), be16(1), be16(0x8769, 4), be32(1, 8), be32(8))), small),
      'accepted'
    ],
    [
      'a profile of 3 MB that is not a profile',
      png(SMALL, chunk('iCCP', join('p', 0, 0, deflateSync(Buffer.alloc(3_000_000, 'abcd')))), small), 'accepted'
    ],
    [
      'a wrong checksum of the header', join(SIGNATURE, patched(headerChunk(SMALL), 21, be32(1)), small, END),
      'CORRUPT_IMAGE'
    ],
    ['a wrong checksum of the pixels', patched(good, good.length - 16, be32(1)), 'CORRUPT_IMAGE'],
    [
      'a wrong checksum of a text', png(SMALL, chunk('tEXt', join('a', 0, 'b'), { crc: 1 }), small),
      'accepted'
    ],
    ['a chunk longer than the file', patched(good, idat, be32(0x7fffffff)), 'CORRUPT_IMAGE'],
    ['a chunk of 4 GB', patched(good, idat, be32(0xffffffff)), 'CORRUPT_IMAGE'],
    ['a chunk that claims less than its length', patched(good, idat, be32(10)), 'CORRUPT_IMAGE'],
    ['pixels before the header', join(SIGNATURE, small, headerChunk(SMALL), END), 'CORRUPT_IMAGE'],
    ['two headers', png(SMALL, headerChunk({ width: 9000, height: 9000 }), small), 'CORRUPT_IMAGE'],
    ['only a header', join(SIGNATURE, headerChunk(SMALL)), 'CORRUPT_IMAGE'],
    ['no pixels', png(SMALL), 'CORRUPT_IMAGE'],
    ['no end', good.subarray(0, good.length - 12), 'accepted'],
    ['only a signature', join(SIGNATURE), 'CORRUPT_IMAGE'],
    ['3 bits', png({ ...SMALL, bits: 3 }, small), 'CORRUPT_IMAGE'],
    ['a colour type of 5', png({ ...SMALL, colour: 5 }, small), 'CORRUPT_IMAGE'],
    ['an interlacing of 7', png({ ...SMALL, interlace: 7 }, small), 'CORRUPT_IMAGE'],
    ['a compression of 9', png({ ...SMALL, compression: 9 }, small), 'CORRUPT_IMAGE'],
    [
      'a filter of 200 in each row', png(SMALL, chunk('IDAT', deflateSync(Buffer.alloc(48 * 193, 200)))),
      'CORRUPT_IMAGE'
    ],
    [
      'a palette without colours', png({ ...SMALL, colour: 3 }, chunk('PLTE', Buffer.alloc(0)), black(64, 48, 1)),
      'CORRUPT_IMAGE'
    ],
    ['indices outside of the palette', png(
      { ...SMALL, colour: 3 }, chunk('PLTE', Buffer.alloc(6)), chunk('IDAT', deflateSync(Buffer.alloc(48 * 65, 4)))
    ), 'accepted'],
    [
      'a palette of 300 colours', png({ ...SMALL, colour: 3 }, chunk('PLTE', Buffer.alloc(900)), black(64, 48, 1)),
      'CORRUPT_IMAGE'
    ],
    ['16 bits', await noise(90, 70).toColourspace('rgb16').png().toBuffer(), 'accepted'],
    ['grey with alpha', await noise(90, 70).ensureAlpha(0.5).toColourspace('b-w').png().toBuffer(), 'accepted'],
    ['a palette of 4 bits', await noise(90, 70).png({ palette: true, colours: 16 }).toBuffer(), 'accepted'],
    ['an animation of 2000 frames', png(SMALL, chunk('acTL', be32(2000, 0)), ...frames(2000), small), 'accepted'],
    ['a ZIP archive after it', join(good, 'PK\x03\x04', Buffer.alloc(60), 'PK\x05\x06', Buffer.alloc(18)), 'accepted'],
    [
      'a script in its text', png(SMALL, text('Comment', '<script>alert(1)</script><?php system("id"); ?>'), small),
      'accepted'
    ],
    ['an SVG after the signature', join(SIGNATURE, '<svg xmlns="http://www.w3.org/2000/svg"/>'), 'CORRUPT_IMAGE']
  ])
}

function frames (count: number): Buffer[] {
  return Array.from({ length: count }, (_, i) => chunk('fcTL', join(be32(i, 64, 48, 0, 0), be16(1, 1), 0, 0)))
}
