import sharp from 'sharp'
import { join, le16, le24, le32, patched, repeated } from '../../tools/lib/bytes.ts'
import { noise } from '../services/images/draw.ts'
import { MAX_INPUT_PIXELS, toImages, type HostileImage } from './hostile-image.ts'

const ALPHA = 0x10
export const ANIMATION = 0x02
const PROFILE = 0x20
const EXIF = 0x08

/** Creates a chunk. Its length can be wrong on purpose. */
export function chunk (type: string, data: Buffer, length = data.length): Buffer {
  return join(type, le32(length), data, Buffer.alloc(data.length % 2))
}

/** Creates a WebP of these chunks. */
export function webp (chunks: Buffer[], length = chunks.reduce((sum, { length }) => sum + length, 4)): Buffer {
  return join('RIFF', le32(length), 'WEBP', ...chunks)
}

/** Creates the first chunk of the extended format. */
export function extended (flags: number, width: number, height: number): Buffer {
  return chunk('VP8X', join(flags, Buffer.alloc(3), le24(width - 1, height - 1)))
}

export function frame (width: number, height: number, image: Buffer): Buffer {
  return chunk('ANMF', join(le24(0, 0, width - 1, height - 1, 100), 0, image))
}

export const animation = chunk('ANIM', join(le32(0), le16(0)))

export async function hostileWebps (): Promise<HostileImage[]> {
  const lossy = await noise(90, 70).webp().toBuffer()
  const lossless = await noise(90, 70).webp({ lossless: true }).toBuffer()
  const side = Math.floor(Math.sqrt(MAX_INPUT_PIXELS))
  const large = await sharp({ create: { width: side, height: side, channels: 4, background: '#20406080' } })
    .webp({ lossless: true, effort: 0 })
    .toBuffer()
  // The first 12 bytes are `RIFF`, a length and `WEBP`.
  const image = lossy.subarray(12)
  const losslessImage = lossless.subarray(12)
  const pixel = (await noise(1, 1).webp({ lossless: true }).toBuffer()).subarray(12)

  /** Changes the size in the lossless header, which has 14 bits for each side. */
  const claiming = (width: number, height: number) => patched(lossless, 21, le32((width - 1) | ((height - 1) << 14)))

  return toImages('WebP', [
    ['16383 x 16383 claimed, lossless', claiming(16_383, 16_383), 'IMAGE_TOO_MANY_PIXELS'],
    ['16384 x 16384 claimed, lossless', claiming(16_384, 16_384), 'CORRUPT_IMAGE'],
    ['3000 x 3000 claimed, with data of 90 x 70', claiming(3000, 3000), 'CORRUPT_IMAGE'],
    ['16383 x 16383 claimed, lossy', patched(lossy, 26, le16(16_383, 16_383)), 'IMAGE_TOO_MANY_PIXELS'],
    ['3000 x 3000 claimed, lossy', patched(lossy, 26, le16(3000, 3000)), 'CORRUPT_IMAGE'],
    ['a canvas of 16777216 x 16777216', webp([extended(0, 0x1000000, 0x1000000), image]), 'CORRUPT_IMAGE'],
    ['a canvas of 16000 x 16000 around 90 x 70', webp([extended(0, 16_000, 16_000), image]), 'CORRUPT_IMAGE'],
    ['a canvas of 10 x 10 around 90 x 70', webp([extended(0, 10, 10), image]), 'CORRUPT_IMAGE'],
    [
      'an animated canvas of 16000 x 16000',
      webp([extended(ANIMATION, 16_000, 16_000), animation, frame(90, 70, image)]), 'IMAGE_TOO_MANY_PIXELS'
    ],
    [
      'an animated canvas smaller than its frame', webp([extended(ANIMATION, 10, 10), animation, frame(90, 70, image)]),
      'CORRUPT_IMAGE'
    ],
    [
      'an animated canvas with the maximum number of pixels',
      webp([extended(ANIMATION, side, side), animation, frame(90, 70, image)]), 'accepted'
    ],
    [
      'a frame larger than its image', webp([extended(ANIMATION, 200, 200), animation, frame(200, 200, image)]),
      'accepted'
    ],
    [
      'an animation of 4900 frames',
      webp([extended(ANIMATION, 90, 70), animation, repeated(frame(90, 70, losslessImage), 4900)]), 'accepted'
    ],
    // libwebp would need more than ten minutes for these frames.
    [
      'an animation of 300000 frames',
      webp([extended(ANIMATION, 1, 1), animation, repeated(frame(1, 1, pixel), 300_000)]), 'CORRUPT_IMAGE'
    ],
    ['an animation without frames', webp([extended(ANIMATION, 90, 70), animation]), 'CORRUPT_IMAGE'],
    [
      'an animation whose first frame is cut off',
      webp([extended(ANIMATION, 90, 70), animation, frame(90, 70, image.subarray(0, 300)), frame(90, 70, image)]),
      'CORRUPT_IMAGE'
    ],
    ['the maximum number of pixels, lossless, half transparent', large, 'accepted'],
    ['a length of 4 GB', patched(lossy, 4, le32(0xfffffffe)), 'CORRUPT_IMAGE'],
    ['a length of zero', patched(lossy, 4, le32(0)), 'CORRUPT_IMAGE'],
    ['half of its length', patched(lossy, 4, le32(lossy.length / 2 & ~1)), 'CORRUPT_IMAGE'],
    ['a chunk longer than the file', patched(lossy, 16, le32(0x7ffffffe)), 'CORRUPT_IMAGE'],
    ['a chunk of 4 GB', patched(lossy, 16, le32(0xffffffff)), 'CORRUPT_IMAGE'],
    ['no pixels', webp([extended(0, 90, 70)]), 'CORRUPT_IMAGE'],
    ['only its header', lossy.subarray(0, 12), 'CORRUPT_IMAGE'],
    [
      'invalid transparency',
      webp([extended(ALPHA, 90, 70), chunk('ALPH', join(1, Buffer.alloc(500, 0xee))), image]), 'CORRUPT_IMAGE'
    ],
    [
      'a profile of 5 MB that is not a profile',
      webp([extended(PROFILE, 90, 70), chunk('ICCP', Buffer.alloc(5_000_000, 'abcd')), image]), 'accepted'
    ],
    [
      'Exif of 60 kB that is not Exif', webp([extended(EXIF, 90, 70), image, chunk('EXIF', Buffer.alloc(60_000, 7))]),
      'accepted'
    ],
    [
      '4900 unknown chunks',
      webp([extended(0, 90, 70), repeated(chunk('evil', Buffer.alloc(2)), 4900), image]), 'accepted'
    ],
    [
      'a million unknown chunks',
      webp([extended(0, 90, 70), repeated(chunk('evil', Buffer.alloc(2)), 1_000_000), image]), 'CORRUPT_IMAGE'
    ],
    ['two images', webp([extended(0, 90, 70), image, image]), 'CORRUPT_IMAGE'],
    ['a wrong start code', patched(lossy, 23, Buffer.from([0, 0, 0])), 'CORRUPT_IMAGE'],
    ['invalid pixels', patched(lossless, 25, Buffer.alloc(lossless.length - 25, 0xa5)), 'CORRUPT_IMAGE'],
    ['a ZIP archive after it', join(lossy, 'PK\x03\x04', Buffer.alloc(500)), 'accepted'],
    ['a sound', join('RIFF', le32(40), 'WAVEfmt ', Buffer.alloc(30)), 'UNSUPPORTED_IMAGE']
  ])
}
