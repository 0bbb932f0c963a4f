import sharp from 'sharp'
import { be16, be32, join, le16, le32, patched, repeated } from '../../tools/lib/bytes.ts'
import { noise } from '../services/images/draw.ts'
import { MAX_INPUT_PIXELS, toImages, type HostileImage } from './hostile-image.ts'

const START = Buffer.from([0xff, 0xd8])
const END = Buffer.from([0xff, 0xd9])

/** Creates a segment. `length` can be wrong on purpose. */
export function segment (marker: number, content: Buffer | string, length = content.length + 2): Buffer {
  return join(0xff, marker, be16(length), content)
}

/** Inserts segments after the start of a JPEG. */
export function withSegments (jpeg: Buffer, ...segments: Buffer[]): Buffer {
  return join(jpeg.subarray(0, 2), ...segments, jpeg.subarray(2))
}

/** Creates an Exif segment. */
export function exif (tiff: Buffer | string): Buffer {
  return segment(0xe1, join('Exif\0\0', tiff))
}

/** Returns the offset of the frame header of a baseline or progressive JPEG. */
function frameAt (jpeg: Buffer): number {
  const baseline = jpeg.indexOf(join(0xff, 0xc0, 0, 17))
  return baseline === -1 ? jpeg.indexOf(join(0xff, 0xc2, 0, 17)) : baseline
}

const scanAt = (jpeg: Buffer) => jpeg.indexOf(join(0xff, 0xda))

/** Changes the size in the frame header. */
function claiming (jpeg: Buffer, width: number, height: number): Buffer {
  return patched(jpeg, frameAt(jpeg) + 5, be16(height, width))
}

/** Changes the marker of the frame. */
const framed = (jpeg: Buffer, marker: number) => patched(jpeg, frameAt(jpeg) + 1, Buffer.from([marker]))

/** Creates an ICC profile that is split over segments. */
function profile (bytes: number): Buffer[] {
  const size = 65_000
  const count = Math.ceil(bytes / size)
  return Array.from({ length: count }, (_, i) =>
    segment(0xe2, join('ICC_PROFILE\0', i + 1, count, Buffer.alloc(size, 'abcd'))))
}

/**
 * Creates a grey image with scans that change nothing. Each scan skips all blocks in a few bytes, but a decoder
 * processes the whole image for it.
 * @see https://libjpeg-turbo.org/pmwiki/uploads/About/TwoIssueswiththeJPEGStandard.pdf
 */
export function progressive (side: number, scans: number): Buffer {
  const blocks = Math.ceil(side / 8) ** 2
  const components = Buffer.from([3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0])
  // One code of one bit, 0. In the first scan it means no difference to the block before. In the others it means the
  // end of this block and of a number of following blocks, which is stored in 14 bits.
  const table = (kind: number, symbol: number) => segment(0xc4, join(kind << 4, 1, Buffer.alloc(15), symbol))
  const first =
    join(segment(0xda, Buffer.from([3, 1, 0, 2, 0, 3, 0, 0, 0, 0])), Buffer.alloc(Math.ceil(blocks * 3 / 8)))
  const nothing = Buffer.alloc(Math.ceil(Math.ceil(blocks / 2 ** 14) * 15 / 8))
  // One scan for each component, coefficient and bit, in the order that the format requires.
  const rest = Array.from({ length: scans - 1 }, (_, i) => {
    const bit = 13 - i % 14
    const coefficient = 1 + Math.floor(i / 14) % 63
    const approximation = bit === 13 ? bit : (bit + 1) << 4 | bit
    return join(
      segment(0xda, Buffer.from([1, 1 + Math.floor(i / 14 / 63), 0, coefficient, coefficient, approximation])), nothing
    )
  })
  return join(
    START, segment(0xdb, join(0, Buffer.alloc(64, 1))), segment(0xc2, join(8, be16(side, side), components)),
    table(0, 0), table(1, 0xe0), first, ...rest, END
  )
}

export async function hostileJpegs (): Promise<HostileImage[]> {
  const good = await noise(90, 70).jpeg().toBuffer()
  const several = await noise(90, 70).jpeg({ progressive: true }).toBuffer()
  const scan = scanAt(good)
  const side = Math.floor(Math.sqrt(MAX_INPUT_PIXELS))
  // The entries for Exif, GPS and the next directory all point to this directory.
  const loop = join(
    'II*\0', le32(8), le16(3), le16(0x8769, 4), le32(1, 8), le16(0x8825, 4), le32(1, 8), le16(0x0112, 3), le32(1, 99),
    le32(8)
  )
  const endless = join('MM\0*', be32(8), be16(0xffff), Buffer.alloc(60_000, 1))

  return toImages('JPEG', [
    ['60000 x 60000 claimed', claiming(good, 60_000, 60_000), 'IMAGE_TOO_MANY_PIXELS'],
    ['2000 x 2000 claimed, with data of 90 x 70', claiming(good, 2000, 2000), 'CORRUPT_IMAGE'],
    ['16 x 16 claimed, with data of 90 x 70', claiming(good, 16, 16), 'accepted'],
    ['65535 x 1 claimed', claiming(good, 65_535, 1), 'CORRUPT_IMAGE'],
    ['60000 x 1 claimed', claiming(good, 60_000, 1), 'IMAGE_TOO_NARROW'],
    ['no height, as if a later marker defined it', claiming(good, 90, 0), 'CORRUPT_IMAGE'],
    ['no width', claiming(good, 0, 70), 'CORRUPT_IMAGE'],
    ['12 bits', patched(good, frameAt(good) + 4, Buffer.from([12])), 'UNSUPPORTED_IMAGE'],
    ['no components', patched(good, frameAt(good) + 9, Buffer.from([0])), 'CORRUPT_IMAGE'],
    ['200 components', patched(good, frameAt(good) + 9, Buffer.from([200])), 'CORRUPT_IMAGE'],
    ['a sampling factor of 15', patched(good, frameAt(good) + 11, Buffer.from([0xff])), 'CORRUPT_IMAGE'],
    ['a missing quantisation table', patched(good, frameAt(good) + 12, Buffer.from([3])), 'CORRUPT_IMAGE'],
    ['lossless', framed(good, 0xc3), 'UNSUPPORTED_IMAGE'],
    ['hierarchical', framed(good, 0xc5), 'UNSUPPORTED_IMAGE'],
    ['arithmetic coding claimed', framed(good, 0xc9), 'accepted'],
    ['baseline called progressive', framed(good, 0xc2), 'CORRUPT_IMAGE'],
    ['progressive called baseline', framed(several, 0xc0), 'CORRUPT_IMAGE'],
    ['only its start', join(START, 0xff), 'CORRUPT_IMAGE'],
    ['its start and end', join(START, END), 'CORRUPT_IMAGE'],
    ['no frame', join(good.subarray(0, frameAt(good)), good.subarray(scan)), 'CORRUPT_IMAGE'],
    [
      'two frames', join(good.subarray(0, scan), good.subarray(frameAt(good), frameAt(good) + 19), good.subarray(scan)),
      'CORRUPT_IMAGE'
    ],
    ['no scan', join(good.subarray(0, scan), END), 'CORRUPT_IMAGE'],
    ['a scan without data', join(good.subarray(0, scan + 14), END), 'CORRUPT_IMAGE'],
    ['no end', good.subarray(0, good.length - 2), 'accepted'],
    ['no end and no last byte', good.subarray(0, good.length - 3), 'CORRUPT_IMAGE'],
    ['a segment of length zero', withSegments(good, segment(0xe1, '', 0)), 'accepted'],
    ['a segment of length one', withSegments(good, segment(0xe1, 'x', 1)), 'accepted'],
    ['a segment longer than the file', join(START, segment(0xe1, 'x', 65_535), good.subarray(2)), 'CORRUPT_IMAGE'],
    ['9 MB of comments', withSegments(good, repeated(segment(0xfe, Buffer.alloc(65_000, 'x')), 140)), 'accepted'],
    ['900 empty segments', withSegments(good, repeated(segment(0xe1, ''), 900)), 'accepted'],
    ['5 million empty segments', withSegments(good, repeated(segment(0xe1, ''), 5_000_000)), 'CORRUPT_IMAGE'],
    ['80000 Exif blocks', withSegments(good, repeated(exif('II*\0'), 80_000)), 'CORRUPT_IMAGE'],
    [
      '80000 tables after its pixels',
      join(good.subarray(0, -2), repeated(segment(0xdb, join(0, Buffer.alloc(64, 1))), 80_000), END), 'accepted'
    ],
    ['Exif of 60 kB that is not Exif', withSegments(good, exif(Buffer.alloc(60_000, 7))), 'accepted'],
    ['Exif in a loop, its orientation 99', withSegments(good, exif(loop)), 'accepted'],
    ['Exif of 65535 entries', withSegments(good, exif(endless)), 'accepted'],
    ['Exif without end', withSegments(good, exif('II')), 'accepted'],
    ['a profile of 5 MB that is not a profile', withSegments(good, ...profile(5_000_000)), 'accepted'],
    ['a profile in the wrong order', withSegments(good, ...profile(500_000).reverse()), 'accepted'],
    ['a profile with a missing part', withSegments(good, ...profile(500_000).slice(1)), 'accepted'],
    ['XMP of 60 kB with an entity bomb', withSegments(good, segment(
      0xe1,
      join('http://ns.adobe.com/xap/1.0/\0', '<!DOCTYPE a [<!ENTITY b "xx">', '<!ENTITY c "&b;&b;">'.repeat(3000), ']>')
    )), 'accepted'],
    ['100 scans over the maximum number of pixels', progressive(side, 100), 'accepted'],
    ['2646 scans over the maximum number of pixels, in 140 kB', progressive(side, 2646), 'CORRUPT_IMAGE'],
    ['101 scans over 90 x 90', progressive(90, 101), 'CORRUPT_IMAGE'],
    ['stray bytes between its segments', join(good.subarray(0, scan), 0x11, 0x22, good.subarray(scan)), 'accepted'],
    ['stray bytes in an image that needs no preparation', await strayAt(140), 'accepted'],
    ['unexpected restart markers', patched(good, scan + 100, join(0xff, 0xd3, 0xff, 0xd7)), 'CORRUPT_IMAGE'],
    ['CMYK', await noise(90, 70).toColourspace('cmyk').jpeg().toBuffer(), 'accepted'],
    ['grey', await noise(90, 70).toColourspace('b-w').jpeg().toBuffer(), 'accepted'],
    ['upside down', await noise(90, 70).withMetadata({ orientation: 3 }).jpeg().toBuffer(), 'accepted'],
    [
      'rotated and in a wide gamut',
      await noise(90, 70).withMetadata({ orientation: 6 }).withIccProfile('p3').jpeg().toBuffer(), 'accepted'
    ],
    ['a ZIP archive after it', join(good, 'PK\x03\x04', Buffer.alloc(500)), 'accepted'],
    [
      'an HTML page in its comment',
      withSegments(good, segment(0xfe, '<!doctype html><script>alert(document.cookie)</script>')), 'accepted'
    ],
    ['no segments between start and end', join(START, 0xff, Buffer.alloc(5000, 0x5a), END), 'CORRUPT_IMAGE']
  ])
}

/** Creates a JPEG with stray bytes, in the size that the model needs, so that the engine reads the original file. */
async function strayAt (side: number): Promise<Buffer> {
  const jpeg = await sharp({ create: { width: side, height: side, channels: 3, background: 'navy' } }).jpeg().toBuffer()
  const scan = scanAt(jpeg)
  return join(jpeg.subarray(0, scan), 0x11, 0x22, jpeg.subarray(scan), Buffer.alloc(50, 7))
}
