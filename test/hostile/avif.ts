import sharp from 'sharp'
import { be16, be32, join, patched, repeated } from '../../tools/lib/bytes.ts'
import { box, full, sized } from '../../tools/lib/iso-boxes.ts'
import { noise } from '../services/images/draw.ts'
import { MAX_INPUT_PIXELS, toImages, TOO_LONG_SIDE, type HostileImage } from './hostile-image.ts'

/** An item of the container: a coded image, an image that consists of others, or other data. */
export interface Item {
  id: number
  /** `av01` for a coded image, or e.g. `grid` for one that consists of others. */
  type: string
  data: Buffer
  properties?: Buffer[]
  /** Ids of the items of which this image consists. */
  parts?: number[]
  /** Id of the image of which this one is the transparency. */
  alphaOf?: number
  /** Id of the image that this item describes, e.g. as Exif. */
  describes?: number
  /** Number of extents in which the bytes are stored. */
  pieces?: number
  /** Extents in the bytes of all items, instead of the item's own bytes. */
  extents?: Array<[start: number, length: number]>
}

/** Variants of a header. */
interface Style {
  /** Boxes before the header. */
  before?: Buffer
  /** Boxes at the end of the header. */
  inner?: Buffer
  /** Ids of four bytes, and indices of properties of two bytes. */
  wide?: boolean
  /** The first box of the file. */
  type?: Buffer
}

const AVIF = box('ftyp', join('avif', be32(0), 'avifmif1miaf'))

export const ALPHA = full('auxC', 0, 'urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0')

/** Creates an AVIF of these items. The first item is displayed. The bytes of all items are in the header (`idat`). */
export function avif (
  items: Item[], { before = Buffer.alloc(0), inner = Buffer.alloc(0), wide = false, type = AVIF }: Style = {}
): Buffer {
  const id = wide ? be32 : be16
  const properties = [...new Set(items.flatMap(({ properties = [] }) => properties))]
  const infos = items.map(item => full('infe', wide ? 3 : 2, id(item.id), be16(0), item.type, 0))
  const references = items.flatMap(({ id: from, parts, alphaOf, describes }) => [
    ...parts ? [box('dimg', join(id(from), be16(parts.length), id(...parts)))] : [],
    ...alphaOf ? [box('auxl', join(id(from), be16(1), id(alphaOf)))] : [],
    ...describes ? [box('cdsc', join(id(from), be16(1), id(describes)))] : []
  ])
  const associations = items.map(({ id: of, properties: own = [] }) => {
    const indices = own.map(property => properties.indexOf(property) + 1)
    return join(
      id(of), own.length,
      wide ? be16(...indices.map(index => 0x8000 | index)) : Buffer.from(indices.map(index => 0x80 | index))
    )
  })
  let at = 0
  const locations = items.map(({ id: of, data, pieces = 1, extents: given }) => {
    const piece = Math.ceil(data.length / pieces)
    const extents = given ?? Array.from({ length: pieces }, (_, i) => (
      [at + i * piece, Math.min(piece, data.length - i * piece)]
    ))
    at += data.length
    return join(id(of), be16(1, 0, extents.length), be32(...extents.flat()))
  })
  const counted = wide ? be32(items.length) : be16(items.length)
  const meta = full('meta', 0,
    full('hdlr', 0, be32(0), 'pict', be32(0, 0, 0), 0),
    full('pitm', wide ? 1 : 0, id(items[0]!.id)),
    full('iinf', wide ? 1 : 0, counted, ...infos),
    ...references.length > 0 ? [full('iref', wide ? 1 : 0, ...references)] : [],
    // The last flag is the width of the indices.
    box('iprp', join(
      box('ipco', join(...properties)),
      box('ipma', join(wide ? 1 : 0, 0, 0, wide ? 1 : 0, be32(items.length), ...associations))
    )),
    full('iloc', wide ? 2 : 1, 0x44, 0x00, counted, ...locations),
    box('idat', join(...items.map(({ data }) => data))), inner)
  return join(type, before, meta)
}

/** Encodes an image of one colour and returns its coded pixels and the boxes of its properties. */
export async function coded (
  width: number, height: number, options: { bitdepth?: 8 | 10 | 12, chromaSubsampling?: string } = {}
): Promise<{ data: Buffer, configuration: Buffer, size: Buffer, depth: Buffer }> {
  const file = await sharp({ create: { width, height, channels: 3, background: 'teal' } })
    .avif({ effort: 0, quality: 40, ...options })
    .toBuffer()
  const boxAt = (type: string) => {
    const at = file.indexOf(type) - 4
    return file.subarray(at, at + file.readUInt32BE(at))
  }
  return { data: boxAt('mdat').subarray(8), configuration: boxAt('av1C'), size: boxAt('ispe'), depth: boxAt('pixi') }
}

/** Creates a `moov` box: one track with these tables and samples of 64 x 64 pixels. */
export function movie (configuration: Buffer, ...tables: Buffer[]): Buffer {
  const matrix = be32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
  const size = join(be16(64, 64), be32(0x480000, 0x480000, 0), be16(1), Buffer.alloc(32), be16(24, 0xffff))
  const codec = configuration.toString('latin1', 4, 8) === 'hvcC' ? 'hvc1' : 'av01'
  const sample = box(codec, join(Buffer.alloc(6), be16(1), Buffer.alloc(16), size, configuration))
  const information = box('minf', join(
    full('vmhd', 0, Buffer.alloc(8)), box('dinf', full('dref', 0, be32(1), full('url ', 0))),
    box('stbl', join(full('stsd', 0, be32(1), sample), ...tables))))
  const media = box('mdia', join(
    full('mdhd', 0, be32(0, 0, 1000, 1, 0)), full('hdlr', 0, be32(0), 'pict', be32(0, 0, 0), 0), information))
  const track = box('trak', join(full('tkhd', 0, be32(0, 0, 1, 0, 1), Buffer.alloc(16), matrix, be32(0, 0)), media))
  return box('moov', join(
    full('mvhd', 0, be32(0, 0, 1000, 1, 0x10000, 0), Buffer.alloc(8), matrix, Buffer.alloc(24), be32(2)), track))
}

/** Creates the tables of a sequence whose frames share the same bytes. */
export function frameTables (frames: number): Buffer[] {
  return [
    full('stts', 0, be32(1, frames, 1)), full('stsc', 0, be32(1, 1, frames, 1)), full('stsz', 0, be32(1, frames)),
    full('stco', 0, be32(1, 0))
  ]
}

/** Creates empty units (temporal delimiters). */
export const emptyUnits = (count: number) => repeated(Buffer.from([0x12, 0]), count)

/** Creates an AVIF of items of 64 x 64 pixels that share the bytes of the first item. */
export function sharing (
  count: number, data: Buffer, extents: Array<[start: number, length: number]> = [[0, data.length]]
): Buffer {
  const properties = [sized(64, 64)]
  return avif(Array.from({ length: count }, (_, i): Item => (
    { id: i + 1, type: 'av01', data: i === 0 ? data : Buffer.alloc(0), properties, extents }
  )))
}

/** Creates the data of a `grid` item: tiles in rows and columns. */
export const grid = (rows: number, columns: number, width: number, height: number) =>
  join(0, 1, rows - 1, columns - 1, be32(width, height))

/** Creates the data of an `iovl` item: images on top of each other on a canvas. */
const overlay = (width: number, height: number, count: number) =>
  join(0, 1, be16(0, 0, 0, 0), be32(width, height), Buffer.alloc(8 * count))

export async function hostileAvifs (): Promise<HostileImage[]> {
  const good = await noise(90, 70).avif({ effort: 0 }).toBuffer()
  const claimedAt = good.indexOf('ispe') + 8
  const metaAt = good.indexOf('meta') - 4
  const [large, tile, quarter] =
    await Promise.all([coded(TOO_LONG_SIDE, TOO_LONG_SIDE), coded(256, 256), coded(1000, 1000)])
  // An AVIF may have half as many pixels as other images.
  const side = Math.floor(Math.sqrt(MAX_INPUT_PIXELS / 2))
  const allowed = sharp({ create: { width: side, height: side, channels: 4, background: '#20406080' } })

  const item = ({ data, configuration, size, depth }: typeof tile, id: number, own: Buffer[] = [size]): Item =>
    ({ id, type: 'av01', data, properties: [configuration, depth, ...own] })
  const made = (type: string, data: Buffer, width: number, height: number, parts: number[]): Item =>
    ({ id: 9, type, data, properties: [sized(width, height)], parts })
  const tiles = (rows: number, columns: number, width: number, height: number, parts: number[]) =>
    made('grid', grid(rows, columns, width, height), width, height, parts)
  const again = (part: number, count: number) => Array.from({ length: count }, () => part)
  const frames = (...data: Buffer[]) => avif([{ ...item(tile, 1), data: join(...data) }])
  const sequence = (count: number) => join(avif([item(tile, 1)]), movie(tile.configuration, ...frameTables(count)))

  return toImages('AVIF', [
    ['60000 x 60000 claimed', patched(good, claimedAt, be32(60_000, 60_000)), 'IMAGE_TOO_MANY_PIXELS'],
    [
      '4294967295 x 4294967295 claimed', patched(good, claimedAt, be32(0xffffffff, 0xffffffff)), 'IMAGE_TOO_MANY_PIXELS'
    ],
    [
      'just above the limit of an AVIF', patched(good, claimedAt, be32(side + 1, side + 1)),
      'IMAGE_TOO_MANY_PIXELS'
    ],
    ['no pixels claimed', patched(good, claimedAt, be32(0, 0)), 'CORRUPT_IMAGE'],
    ['2000 x 2000 claimed, with data of 90 x 70', patched(good, claimedAt, be32(2000, 2000)), 'CORRUPT_IMAGE'],
    ['64 x 64 claimed, with data above the limit', avif([item(large, 1, [sized(64, 64)])]), 'CORRUPT_IMAGE'],
    [
      'transparency above the limit', avif([item(tile, 1), { ...item(large, 2, [large.size, ALPHA]), alphaOf: 1 }]),
      'IMAGE_TOO_MANY_PIXELS'
    ],
    [
      'transparency above the limit that claims less',
      avif([item(tile, 1), { ...item(large, 2, [tile.size, ALPHA]), alphaOf: 1 }]), 'CORRUPT_IMAGE'
    ],
    [
      'the maximum number of pixels', await allowed.clone().removeAlpha().avif({ effort: 0, quality: 40 }).toBuffer(),
      'accepted'
    ],
    ['the maximum number of pixels, 12 bits, transparent and rotated', await allowed
      .clone()
      .withMetadata({ orientation: 6 })
      .avif({ effort: 0, quality: 40, bitdepth: 12, chromaSubsampling: '4:4:4' })
      .toBuffer(), 'accepted'],
    ['an image of the builder', avif([item(tile, 1)]), 'accepted'],
    [
      'four tiles',
      avif([tiles(2, 2, 500, 500, [1, 2, 3, 4]), item(tile, 1), item(tile, 2), item(tile, 3), item(tile, 4)]),
      'accepted'
    ],
    ['one tile four times', avif([tiles(2, 2, 500, 500, again(1, 4)), item(tile, 1)]), 'accepted'],
    ['one tile 60000 times', avif([tiles(250, 240, 2000, 2000, again(1, 60_000)), item(tile, 1)]), 'CORRUPT_IMAGE'],
    // Decoding these tiles would take half a minute, for an image of 64 x 64 pixels.
    [
      'large tiles 100 times, for 64 x 64', avif([tiles(1, 100, 64, 64, again(1, 100)), item(quarter, 1)]),
      'CORRUPT_IMAGE'
    ],
    ['a tile above the limit for 64 x 64', avif([tiles(1, 1, 64, 64, [1]), item(large, 1)]), 'IMAGE_TOO_MANY_PIXELS'],
    ['missing tiles', avif([tiles(2, 2, 500, 500, [1, 5]), item(tile, 1)]), 'CORRUPT_IMAGE'],
    [
      'grids of grids of grids', avif([nested(9, 8, 16), nested(8, 7, 16), nested(7, 1, 16), item(tile, 1)]),
      'CORRUPT_IMAGE'
    ],
    ['a grid of itself', avif([nested(9, 9, 2)]), 'CORRUPT_IMAGE'],
    [
      'an overlay of one image 3000 times',
      avif([made('iovl', overlay(256, 256, 3000), 256, 256, again(1, 3000)), item(tile, 1)]), 'CORRUPT_IMAGE'
    ],
    [
      'an image that is identical to another one', avif([made('iden', Buffer.alloc(0), 256, 256, [1]), item(tile, 1)]),
      'accepted'
    ],
    ['eight frames in one image', frames(repeated(tile.data, 8)), 'accepted'],
    ['a thousand frames in one image', frames(repeated(tile.data, 1000)), 'CORRUPT_IMAGE'],
    ['a thousand frames with zeros between them', frames(repeated(join(tile.data, 0, 0), 1000)), 'CORRUPT_IMAGE'],
    ['20000 empty units', frames(emptyUnits(20_000), tile.data), 'CORRUPT_IMAGE'],
    ['1000 items that share 5000 empty units', sharing(1000, emptyUnits(5000)), 'CORRUPT_IMAGE'],
    // libheif would decode all of them.
    ['a thousand frames in an image with a part', avif([
      { ...item(tile, 1), data: repeated(tile.data, 1000), parts: [2] }, item(tile, 2)
    ]), 'CORRUPT_IMAGE'],
    // libheif would allocate 1.2 GB.
    ['a sequence of 17 million frames, in 900 bytes', sequence(17_000_000), 'CORRUPT_IMAGE'],
    ['a sequence of 5000 frames', sequence(5000), 'accepted'],
    ['a unit without a length', frames(Buffer.from([0x30]), tile.data), 'CORRUPT_IMAGE'],
    ['HEVC inside', avif([{ ...item(tile, 1), type: 'hvc1' }]), 'CORRUPT_IMAGE'],
    [
      'JPEG inside',
      avif([{ id: 1, type: 'jpeg', data: await noise(90, 70).jpeg().toBuffer(), properties: [sized(90, 70)] }]),
      'CORRUPT_IMAGE'
    ],
    [
      'uncompressed pixels inside',
      avif([{ id: 1, type: 'unci', data: Buffer.alloc(90 * 70 * 3), properties: [sized(90, 70)] }]), 'CORRUPT_IMAGE'
    ],
    ['no pixels', frames(), 'CORRUPT_IMAGE'],
    ['invalid pixels', frames(Buffer.alloc(500, 0xa5)), 'CORRUPT_IMAGE'],
    ['no properties', avif([{ id: 1, type: 'av01', data: tile.data }]), 'CORRUPT_IMAGE'],
    ['10000 items', avif([
      item(tile, 1),
      ...Array.from({ length: 10_000 }, (_, i): Item => ({ id: i + 2, type: 'Exif', data: Buffer.alloc(1) }))
    ]), 'CORRUPT_IMAGE'],
    ['boxes 5000 deep', avif([item(tile, 1)], { before: deep(5000) }), 'CORRUPT_IMAGE'],
    ['90 empty boxes', avif([item(tile, 1)], { before: repeated(box('free', Buffer.alloc(0)), 90) }), 'accepted'],
    [
      'a million empty boxes', avif([item(tile, 1)], { before: repeated(box('free', Buffer.alloc(0)), 1_000_000) }),
      'CORRUPT_IMAGE'
    ],
    ['two headers', join(good, good.subarray(metaAt, metaAt + good.readUInt32BE(metaAt))), 'CORRUPT_IMAGE'],
    ['a box longer than the file', patched(good, metaAt, be32(0x7fffffff)), 'CORRUPT_IMAGE'],
    ['a box to the end of the file', patched(good, metaAt, be32(0)), 'accepted'],
    ['a box shorter than its own header', patched(good, metaAt, be32(4)), 'CORRUPT_IMAGE'],
    [
      'a box of 2 ** 63 bytes', avif([item(tile, 1)], { before: join(be32(1), 'free', be32(0x7fffffff, 0xffffffff)) }),
      'CORRUPT_IMAGE'
    ],
    ['a first box of 4 GB', patched(good, 0, be32(0xffffffff)), 'CORRUPT_IMAGE'],
    ['only its first box', good.subarray(0, good.readUInt32BE(0)), 'CORRUPT_IMAGE'],
    ['10 bits', await noise(90, 70).avif({ effort: 0, bitdepth: 10 }).toBuffer(), 'accepted'],
    ['lossless', await noise(90, 70).avif({ effort: 0, lossless: true }).toBuffer(), 'accepted'],
    ['a ZIP archive after it', join(good, 'PK\x03\x04', Buffer.alloc(500)), 'accepted']
  ])
}

/** Creates a grid in which each tile is the same item. */
function nested (id: number, part: number, side: number): Item {
  return {
    id,
    type: 'grid',
    data: grid(side, side, 2000, 2000),
    properties: [sized(2000, 2000)],
    parts: Array.from({ length: side * side }, () => part)
  }
}

function deep (levels: number): Buffer {
  let inner = Buffer.alloc(0)
  for (let i = 0; i < levels; i++) inner = box('meta', join(be32(0), inner)) as Buffer<ArrayBuffer>
  return inner
}
