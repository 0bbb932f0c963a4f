import { deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { be16, be32, join, le16, le32, patched } from '../../tools/lib/bytes.ts'
import { noise } from '../services/images/draw.ts'
import { MAX_INPUT_PIXELS, toImages, TOO_LONG_SIDE, zlibBomb, type HostileImage } from './hostile-image.ts'

/** Types of values: bytes, text, and numbers of 16 and 32 bits. */
const BYTE = 1
const ASCII = 2
const SHORT = 3
const LONG = 4
const SIZES: Record<number, number> = { [BYTE]: 1, [ASCII]: 1, [SHORT]: 2, [LONG]: 4, 5: 8, 7: 1 }

const Tag = {
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  photometric: 262,
  description: 270,
  offsets: 273,
  orientation: 274,
  samples: 277,
  rows: 278,
  byteCounts: 279,
  planar: 284,
  colours: 320,
  tileWidth: 322,
  tileHeight: 323,
  tileOffsets: 324,
  tileByteCounts: 325,
  sampleFormat: 339,
  xmp: 700,
  exif: 34665,
  profile: 34675
} as const
const DEFLATE = 8

/** A placeholder for the offset of the image data. */
const DATA = -1

type Entry = [tag: number, type: number, values: number[] | Buffer, count?: number]

/**
 * Creates a little-endian TIFF of one directory, followed by the data.
 * @param next offset of the next directory
 */
export function tiff (entries: Entry[], data: Buffer, next = 0): Buffer {
  const sorted = [...entries].sort(([a], [b]) => a - b)
  const directoryEnd = 8 + 2 + sorted.length * 12 + 4
  const valuesOf = ([, type, values]: Entry) => Buffer.isBuffer(values)
    ? values
    : type === SHORT
      ? le16(...values)
      : type === LONG ? le32(...values.map(value => value === DATA ? dataAt : value)) : Buffer.from(values)
  const outside = (entry: Entry) => entry[2].length * (Buffer.isBuffer(entry[2]) ? 1 : SIZES[entry[1]]!) > 4
  const dataAt = directoryEnd + sorted.filter(outside).reduce(
    (sum, entry) => sum + entry[2].length * (Buffer.isBuffer(entry[2]) ? 1 : SIZES[entry[1]]!), 0
  )

  let valuesAt = directoryEnd
  const lines: Buffer[] = []
  const values: Buffer[] = []
  for (const entry of sorted) {
    const bytes = valuesOf(entry)
    const count = entry[3] ?? bytes.length / SIZES[entry[1]]!
    lines.push(join(
      le16(entry[0], entry[1]), le32(count),
      outside(entry) ? le32(valuesAt) : join(bytes, Buffer.alloc(4 - bytes.length))
    ))
    if (!outside(entry)) continue
    values.push(bytes)
    valuesAt += bytes.length
  }
  return join('II*\0', le32(8), le16(sorted.length), ...lines, le32(next), ...values, data)
}

interface Shape {
  width: number
  height: number
  samples?: number
  bits?: number
  rows?: number
  compression?: number
  photometric?: number
  format?: number
  tile?: [number, number]
}

/** Creates a TIFF with the usual tags. `entries` adds tags or replaces the usual ones. */
export function image (
  { width, height, samples = 3, bits = 8, rows = height, compression = 1, photometric = 2, format = 1, tile }: Shape,
  data: Buffer, entries: Entry[] = [], next = 0
): Buffer {
  const parts: Entry[] = tile
    ? [
        [Tag.tileWidth, LONG, [tile[0]]], [Tag.tileHeight, LONG, [tile[1]]], [Tag.tileOffsets, LONG, [DATA]],
        [Tag.tileByteCounts, LONG, [data.length]]
      ]
    : [[Tag.rows, LONG, [rows]], [Tag.offsets, LONG, [DATA]], [Tag.byteCounts, LONG, [data.length]]]
  const usual: Entry[] = [
    [Tag.width, LONG, [width]],
    [Tag.height, LONG, [height]],
    [Tag.bits, SHORT, Array.from({ length: Math.min(samples, 100) }, () => bits)],
    [Tag.compression, SHORT, [compression]],
    [Tag.photometric, SHORT, [photometric]],
    [Tag.samples, SHORT, [samples]],
    [Tag.sampleFormat, SHORT, Array.from({ length: Math.min(samples, 100) }, () => format)],
    ...parts
  ]
  const own = new Set(entries.map(([tag]) => tag))
  return tiff([...usual.filter(([tag]) => !own.has(tag)), ...entries], data, next)
}

const SMALL = { width: 40, height: 30 }
const data = Buffer.alloc(40 * 30 * 3, 99)

/** Creates a directory with the usual tags of 4 x 4 grey pixels (or fewer), followed by unknown tags. */
function directory (tags: number, dataAt: number, next: number): Buffer {
  const entry = (tag: number, type: number, value: number) => join(le16(tag, type), le32(1, value))
  const usual = [
    entry(Tag.width, LONG, 4), entry(Tag.height, LONG, 4), entry(Tag.bits, SHORT, 8), entry(Tag.compression, SHORT, 1),
    entry(Tag.photometric, SHORT, 1), entry(Tag.offsets, LONG, dataAt), entry(Tag.samples, SHORT, 1),
    entry(Tag.rows, LONG, 4), entry(Tag.byteCounts, LONG, 16)
  ].slice(0, tags)
  const unknown = Array.from({ length: tags - usual.length }, (_, i) => entry(40_000 + i % 20_000, SHORT, 7))
  return join(le16(tags), ...usual, ...unknown, le32(next))
}

const USUAL_TAGS = 9
const directoryBytes = (tags: number) => 2 + tags * 12 + 4

interface Pages {
  /** The last page points to the first one. */
  endless?: boolean
  /** Number of tags of each page, by its index: first the usual tags, then unknown ones. */
  tagsOf?: (page: number) => number
  /** Bytes between one directory and the next. */
  gap?: number
}

/** Creates pages of a few pixels. */
export function pages (count: number, { endless = false, tagsOf = () => USUAL_TAGS, gap = 0 }: Pages = {}): Buffer {
  const starts = [8]
  for (let i = 0; i < count; i++) starts.push(starts[i]! + directoryBytes(tagsOf(i)) + gap)
  const dataAt = starts[count]!
  const file = Buffer.alloc(dataAt + 16)
  join('II*\0', le32(8)).copy(file)
  for (let i = 0; i < count; i++) {
    directory(tagsOf(i), dataAt, i < count - 1 ? starts[i + 1]! : endless ? 8 : 0).copy(file, starts[i])
  }
  return file
}

/** Creates pages whose directories alternate between the two ends of the file. */
export function scatteredPages (count: number, tags: number, bytes: number): Buffer {
  const step = directoryBytes(tags)
  const start = (page: number) => page % 2 === 0 ? 8 + page / 2 * step : bytes - (page + 1) / 2 * step
  const file = Buffer.alloc(bytes)
  join('II*\0', le32(8)).copy(file)
  for (let i = 0; i < count; i++) directory(tags, 8, i < count - 1 ? start(i + 1) : 0).copy(file, start(i))
  return file
}

/** Creates overlapping pages: each page starts at the second tag of the previous page. */
export function overlappingPages (count: number, tags: number): Buffer {
  const unknown = (i: number) => join(le16(40_000 + i % 20_000, SHORT), le32(1), le16(7, tags))
  // The first pages also need the usual tags. The last bytes of each entry are the number of tags of the next page.
  const usual = directory(USUAL_TAGS, 8, 0).subarray(2, -4)
  const before = Array.from({ length: count }, (_, i) => unknown(i))
  const after = Array.from({ length: tags - count - USUAL_TAGS }, (_, i) => unknown(count + i))
  // After the last entry of a page, the first bytes of another entry are the offset of the next directory.
  const next = Array.from({ length: count }, (_, i) => (
    join(le32(i < count - 1 ? 8 + 12 * (i + 1) : 0), Buffer.alloc(8))
  ))
  return join('II*\0', le32(8), le16(tags), ...before, usual, ...after, ...next)
}

/** Creates pages that share one value. */
export function sharedValues (count: number, bytes: number): Buffer {
  const valueAt = 8 + count * directoryBytes(USUAL_TAGS + 1)
  const file = join(pages(count, { tagsOf: () => USUAL_TAGS + 1 }).subarray(0, valueAt), Buffer.alloc(bytes))
  for (let i = 0; i < count; i++) {
    const last = 8 + i * directoryBytes(USUAL_TAGS + 1) + 2 + USUAL_TAGS * 12
    join(le16(50_000, BYTE), le32(bytes, valueAt)).copy(file, last)
  }
  return file
}

export async function hostileTiffs (): Promise<HostileImage[]> {
  const good = await noise(90, 70).tiff({ compression: 'lzw' }).toBuffer()
  const side = Math.floor(Math.sqrt(MAX_INPUT_PIXELS))
  const bomb = zlibBomb(12)
  const allowed = { width: side, height: side }

  return toImages('TIFF', [
    ['60000 x 60000 claimed', image({ width: 60_000, height: 60_000 }, data), 'IMAGE_TOO_MANY_PIXELS'],
    ['just above the limit', image({ width: TOO_LONG_SIDE, height: TOO_LONG_SIDE }, data), 'IMAGE_TOO_MANY_PIXELS'],
    ['4294967295 x 4294967295', image({ width: 0xffffffff, height: 0xffffffff }, data), 'CORRUPT_IMAGE'],
    ['0 x 0', image({ width: 0, height: 0 }, data), 'CORRUPT_IMAGE'],
    ['1 x 20000', image({ width: 1, height: 20_000 }, Buffer.alloc(60_000)), 'IMAGE_TOO_NARROW'],
    ['the maximum number of pixels in one strip', image({ ...allowed, compression: DEFLATE }, zlibBomb(2)), 'accepted'],
    [
      'the maximum number of pixels in one strip, four samples of 32 bits',
      image({ ...allowed, samples: 4, bits: 32, compression: DEFLATE, format: 3 }, zlibBomb(10)), 'accepted'
    ],
    ['a strip that inflates to 200 MB for 40 x 30', image({ ...SMALL, compression: DEFLATE }, bomb), 'accepted'],
    ['strips of 4294967295 rows', image({ ...SMALL, rows: 0xffffffff }, data), 'accepted'],
    ['strips of no rows', image({ ...SMALL, rows: 0 }, data), 'CORRUPT_IMAGE'],
    [
      'a tile of 10000 x 10000 for 40 x 30', image({ ...SMALL, compression: DEFLATE, tile: [10_000, 10_000] }, bomb),
      'CORRUPT_IMAGE'
    ],
    [
      'a tile of 8000 x 8000 of 64 bits for 40 x 30',
      image({ ...SMALL, samples: 4, bits: 64, format: 3, compression: DEFLATE, tile: [8000, 8000] }, bomb),
      'UNSUPPORTED_IMAGE'
    ],
    [
      'a tile of 4096 x 4096 for 40 x 30',
      image({ ...SMALL, samples: 4, bits: 32, format: 3, compression: DEFLATE, tile: [4096, 4096] }, bomb),
      'CORRUPT_IMAGE'
    ],
    [
      'a tile of 65536 x 16 for 40 x 30', image({ ...SMALL, compression: DEFLATE, tile: [65_536, 16] }, bomb),
      'CORRUPT_IMAGE'
    ],
    ['a tile without rows', image({ ...SMALL, tile: [16, 0] }, data), 'CORRUPT_IMAGE'],
    ['65535 samples', image({ ...SMALL, samples: 65_535 }, data), 'CORRUPT_IMAGE'],
    ['no samples', image({ ...SMALL, samples: 0 }, data), 'CORRUPT_IMAGE'],
    ['7 bits', image({ ...SMALL, bits: 7 }, data), 'CORRUPT_IMAGE'],
    ['128 bits', image({ ...SMALL, bits: 128, format: 6 }, Buffer.alloc(40 * 30 * 48)), 'UNSUPPORTED_IMAGE'],
    ['an unknown compression', image({ ...SMALL, compression: 12_345 }, data), 'UNSUPPORTED_IMAGE'],
    ['an unknown photometric interpretation', image({ ...SMALL, photometric: 999 }, data), 'CORRUPT_IMAGE'],
    ['JPEG without tables', image({ ...SMALL, compression: 7, photometric: 6 }, data), 'CORRUPT_IMAGE'],
    ['JPEG of another size', image(
      { ...SMALL, compression: 7 },
      await sharp({ create: { width: 3000, height: 3000, channels: 3, background: 'red' } }).jpeg().toBuffer()
    ), 'CORRUPT_IMAGE'],
    ['pixels after the end of the file', image(SMALL, data, [[Tag.offsets, LONG, [0x7fffffff]]]), 'CORRUPT_IMAGE'],
    ['more bytes than the file has', image(SMALL, data, [[Tag.byteCounts, LONG, [0xffffffff]]]), 'accepted'],
    ['fewer bytes than the pixels need', image(SMALL, data, [[Tag.byteCounts, LONG, [10]]]), 'accepted'],
    [
      'a million strips announced', image({ ...SMALL, rows: 1 }, data, [[Tag.offsets, LONG, [DATA], 1_000_000]]),
      'CORRUPT_IMAGE'
    ],
    ['a value of 4 GB', image(SMALL, data, [[Tag.description, ASCII, Buffer.from('abcde'), 0xfffffff0]]), 'accepted'],
    ['a directory whose next directory is itself', image(SMALL, data, [], 8), 'accepted'],
    ['pages in a loop', pages(3, { endless: true }), 'accepted'],
    ['4000 pages', pages(4000), 'accepted'],
    ['50000 pages', pages(50_000), 'CORRUPT_IMAGE'],
    // libtiff would need seconds for each of these files.
    ['100 overlapping pages of 4000 tags each', overlappingPages(100, 4000), 'CORRUPT_IMAGE'],
    ['400 pages of 4000 unknown tags each', pages(400, { tagsOf: () => 4000 }), 'CORRUPT_IMAGE'],
    ['300 pages that share a value of 15 MB', sharedValues(300, 15_000_000), 'CORRUPT_IMAGE'],
    ['30 pages that share a value of 5 MB', sharedValues(30, 5_000_000), 'accepted'],
    ['a directory after the end of the file', join('II*\0', le32(0x7ffffff0), data), 'CORRUPT_IMAGE'],
    ['a directory inside its own header', join('II*\0', le32(4), data), 'CORRUPT_IMAGE'],
    ['65535 entries', join('II*\0', le32(8), le16(0xffff), data), 'CORRUPT_IMAGE'],
    ['no entries', join('II*\0', le32(8), le16(0), le32(0), data), 'CORRUPT_IMAGE'],
    ['only its header', join('II*\0', le32(8)), 'CORRUPT_IMAGE'],
    [
      'an invalid big-endian directory', join('MM\0*', be32(8), be16(3), Buffer.alloc(100, 0xee)), 'CORRUPT_IMAGE'
    ],
    [
      '64 bits and a directory of 2 ** 40 entries', join('II+\0', le16(8, 0), le32(16, 0), le32(0, 256), data),
      'CORRUPT_IMAGE'
    ],
    [
      'a profile of 5 MB that is not a profile',
      image(SMALL, data, [[Tag.profile, 7, Buffer.alloc(5_000_000, 'abcd')]]),
      'accepted'
    ],
    ['XMP of 4 MB', image(SMALL, data, [[Tag.xmp, BYTE, Buffer.alloc(4_000_000, 'x')]]), 'accepted'],
    ['XMP of 5 MB', image(SMALL, data, [[Tag.xmp, BYTE, Buffer.alloc(5_000_000, 'x')]]), 'CORRUPT_IMAGE'],
    ['an Exif directory that is the directory of the image', image(SMALL, data, [[Tag.exif, LONG, [8]]]), 'accepted'],
    ['orientation 99', image(SMALL, data, [[Tag.orientation, SHORT, [99]]]), 'CORRUPT_IMAGE'],
    [
      'a palette of one colour',
      image({ ...SMALL, samples: 1, photometric: 3 }, data.subarray(0, 1200), [[Tag.colours, SHORT, [1, 2, 3]]]),
      'accepted'
    ],
    ['one bit', image({ ...SMALL, samples: 1, bits: 1, photometric: 1 }, Buffer.alloc(150, 0x55)), 'accepted'],
    [
      'samples that are NaN', image({ ...SMALL, bits: 32, format: 3 }, Buffer.alloc(40 * 30 * 12, 0xff)),
      'CORRUPT_IMAGE'
    ],
    ['16 bits', await noise(90, 70).toColourspace('rgb16').tiff().toBuffer(), 'accepted'],
    ['CMYK', await noise(90, 70).toColourspace('cmyk').tiff().toBuffer(), 'accepted'],
    ['CIELAB', await noise(90, 70).toColourspace('lab').tiff().toBuffer(), 'accepted'],
    ['separate planes', image(
      SMALL, data,
      [[Tag.planar, SHORT, [2]], [Tag.offsets, LONG, [200, 300, 400]], [Tag.byteCounts, LONG, [1200, 1200, 1200]]]
    ), 'accepted'],
    ['invalid LZW', image({ ...SMALL, compression: 5 }, Buffer.alloc(2000, 0xa5)), 'CORRUPT_IMAGE'],
    [
      'an invalid deflate stream',
      image({ ...SMALL, compression: DEFLATE }, patched(deflateSync(data), 10, Buffer.alloc(4, 0xff))), 'CORRUPT_IMAGE'
    ],
    ['a ZIP archive after it', join(good, 'PK\x03\x04', Buffer.alloc(500)), 'accepted']
  ])
}
