import t from 'tap'
import type { SightlineError } from '../../errors/catalogue.ts'
import { MAX_AVIF_FRAMES, MAX_AVIF_UNITS } from '../../services/images/structure/avif.ts'
import { MAX_HEIF_INNER_BOXES } from '../../services/images/structure/boxes.ts'
import { MAX_HEIF_BOXES, MAX_HEIF_PARTS_OF_IMAGE } from '../../services/images/structure/heif.ts'
import {
  MAX_HEIF_ASSOCIATIONS, MAX_HEIF_EXTENTS, MAX_HEIF_ITEMS, MAX_HEIF_PARTS, MAX_HEIF_SHARED_MIB
} from '../../services/images/structure/items.ts'
import { MAX_TEXT_MIB } from '../../services/images/structure/text.ts'
import { MAX_HEIF_TABLE_ENTRIES } from '../../services/images/structure/tracks.ts'
import { be32, join, patched, repeated } from '../../tools/lib/bytes.ts'
import { box, sized } from '../../tools/lib/iso-boxes.ts'
import { noise } from '../services/images/draw.ts'
import { ALPHA, avif, coded, emptyUnits, frameTables, grid, movie, type Item } from './avif.ts'
import { bounded, boundedBefore, inspect, MIB, refused } from './bounded.ts'

const tile = await coded(256, 256)
const item = (id: number, more: Partial<Item> = {}): Item =>
  ({ id, type: 'av01', data: tile.data, properties: [tile.configuration, tile.depth, tile.size], ...more })
const made = (side: number, parts: number[], id = 9): Item =>
  ({ id, type: 'grid', data: grid(1, parts.length, side, side), properties: [sized(side, side)], parts })
const again = (part: number, count: number) => Array.from({ length: count }, () => part)

t.test('frames (all are decoded, and the last one is shown)', async t => {
  for (const wide of [false, true]) {
    for (const pieces of [1, 3]) {
      const make = (count: number) => avif([item(1, { data: repeated(tile.data, count), pieces })], { wide })
      await bounded(t, make, MAX_AVIF_FRAMES, 'it has more than 8 frames in one image')
    }
  }
  const second = (count: number) => avif([item(1), item(2, { data: repeated(join(tile.data, 0), count) })])
  await bounded(t, second, MAX_AVIF_FRAMES, 'it has more than 8 frames in one image')
})

t.test('boxes (the time of libheif grows with their square)', async t => {
  const make = (count: number) => avif([item(1)], { before: repeated(box('free', Buffer.alloc(0)), count - 2) })
  await bounded(t, make, MAX_HEIF_BOXES, 'it has more than 100 boxes')
})

t.test('frames of an image with parts (libheif decodes them too)', async t => {
  const make = (count: number) => avif([item(1, { data: repeated(tile.data, count), parts: [2] }), item(2)])
  await bounded(t, make, MAX_AVIF_FRAMES, 'it has more than 8 frames in one image')
})

t.test('coded units of all items together', async t => {
  const sentence = 'its images have more than 10000 coded units (OBUs) together'
  // The encoder writes three units.
  const make = (count: number) => avif([item(1, { data: join(emptyUnits(count - 3), tile.data) })])
  await bounded(t, make, MAX_AVIF_UNITS, sentence)
  // 100 items share the same 100 units.
  const data = join(emptyUnits(97), tile.data)
  const again = (count: number) => avif(Array.from({ length: count }, (_, i) => (
    item(i + 1, { data: i === 0 ? data : Buffer.alloc(0), extents: [[0, data.length]] })
  )))
  await bounded(t, again, MAX_AVIF_UNITS / 100, sentence)
  // Zeros, which are read ten at a time.
  const zeros = (count: number) => avif([item(1, { data: join(tile.data, Buffer.alloc((count - 3) * 10)) })])
  await bounded(t, zeros, MAX_AVIF_UNITS, sentence)
  // An image of 64 x 64 tiles, each in a separate unit, and its transparency.
  const tiles = join(emptyUnits(64 * 64), tile.data)
  const alpha = item(2, { data: tiles, properties: [tile.configuration, tile.depth, tile.size, ALPHA], alphaOf: 1 })
  const transparent = avif([item(1, { data: tiles }), alpha])
  t.match(await inspect(t, transparent), { width: 256, height: 256 })
})

t.test('items', async t => {
  const others = (count: number): Item[] => Array.from({ length: count }, (_, i) => (
    { id: i + 2, type: 'Exif', data: Buffer.alloc(1) }
  ))
  t.match(await inspect(t, avif([item(1), ...others(200)])), { format: 'avif' })
  const make = (count: number) => avif([item(1), ...others(count - 1)])
  await boundedBefore(t, make, MAX_HEIF_ITEMS, 'it has more than 1000 items')
})

t.test('extents of all items together', async t => {
  const make = (count: number) => {
    const others = Array.from({ length: Math.ceil((count - 1) / 25) }, (_, i): Item => {
      const extents = Array.from({ length: Math.min(25, count - 1 - i * 25) }, (): [number, number] => [0, 1])
      return { id: i + 2, type: 'Exif', data: Buffer.alloc(0), extents }
    })
    return avif([item(1), ...others])
  }
  await bounded(t, make, MAX_HEIF_EXTENTS, 'its items have more than 3000 extents together')
})

t.test('bytes that items share (libheif copies them for each item)', async t => {
  const make = (count: number) => {
    const extents: Item['extents'] = [[0, MIB]]
    const others = Array.from({ length: count + 1 }, (_, i): Item => (
      { id: i + 2, type: 'Exif', data: Buffer.alloc(i === 0 ? MIB : 0), extents }
    ))
    return avif([{ ...item(1), extents: [[0, tile.data.length]] }, ...others])
  }
  await bounded(t, make, MAX_HEIF_SHARED_MIB, 'its items share more than 32 MiB')
})

t.test('parts of all images and of one image', async t => {
  const small = await coded(1, 1)
  const properties = [small.configuration, small.depth, small.size]
  const one: Item = { id: 1, type: 'av01', data: small.data, properties }
  const total = (count: number) => {
    const images = Array.from({ length: Math.ceil(count / 500) }, (_, i) => (
      made(64, again(1, Math.min(500, count - i * 500)), i + 2)
    ))
    return avif([one, ...images])
  }
  await boundedBefore(t, total, MAX_HEIF_PARTS, 'its images have more than 5000 parts together')
  // Each part has nine parts, so it counts as ten.
  const nested = (tens: number) => avif([made(64, again(8, tens)), made(64, again(1, 9), 8), one])
  await bounded(t, nested, MAX_HEIF_PARTS_OF_IMAGE / 10, 'it has more than 1000 parts in one image')
})

t.test('nested boxes', async t => {
  // `avif` writes six boxes into the header, one for the item, and five for its properties.
  const own = 6 + 1 + 5
  const make = (count: number) => avif([item(1)], { inner: repeated(box('free', Buffer.alloc(0)), count - own) })
  await boundedBefore(t, make, MAX_HEIF_INNER_BOXES, 'it has more than 5000 nested boxes')
})

t.test('associations of items and properties', async t => {
  const many = (count: number) => avif([
    item(1),
    ...Array.from({ length: Math.ceil((count - 3) / 200) }, (_, i): Item => {
      const properties = Array.from({ length: Math.min(200, count - 3 - i * 200) }, () => tile.size)
      return { id: i + 2, type: 'Exif', data: Buffer.alloc(1), properties }
    })
  ])
  await bounded(t, many, MAX_HEIF_ASSOCIATIONS, 'it associates items with properties more than 20000 times')
})

t.test('table entries of image sequences (libheif allocates memory for each frame)', async t => {
  const sentence = 'its image sequences have more than 100000 table entries'
  // Three of the four tables have one entry.
  const make = (count: number) => join(avif([item(1)]), movie(tile.configuration, ...frameTables(count - 3)))
  await bounded(t, make, MAX_HEIF_TABLE_ENTRIES, sentence)
  const half = movie(tile.configuration, ...frameTables(MAX_HEIF_TABLE_ENTRIES / 2))
  await refused(t, join(avif([item(1)]), half, half), sentence)
})

t.test('XMP (sharp creates a string from it)', async t => {
  const make = (bytes: number) => avif([item(1), { id: 2, type: 'mime', data: Buffer.alloc(bytes, 'x') }])
  await bounded(t, make, MAX_TEXT_MIB * MIB, 'it has more than 4 MiB of text')
})

t.test('pixels of the parts of an image, even if the image itself is small', async t => {
  // 30 parts of 256 x 256 have 1966080 pixels. The limit of an AVIF is 2000000.
  for (const wide of [false, true]) {
    await bounded(
      t, count => avif([made(64, again(1, count)), item(1)], { wide }), 30,
      'its parts have more than 2000000 pixels together'
    )
  }
  await t.rejects(
    inspect(t, avif([made(64, again(8, 6)), made(64, again(1, 6), 8), item(1)])),
    { message: 'a cannot be decoded: its parts have more than 2000000 pixels together' }, 'parts of parts'
  )
  await t.rejects(
    inspect(t, avif([made(64, [8]), made(64, [9], 8)])), { code: 'CORRUPT_IMAGE' }, 'an image that is a part of itself'
  )
})

t.test('pixels: half of the limit of other formats', async t => {
  const claiming = (width: number, height: number) =>
    avif([item(1, { properties: [tile.configuration, tile.depth, sized(width, height)] })])
  t.match(await inspect(t, claiming(2000, 1000)), { width: 2000, height: 1000 })
  const error = await inspect(t, claiming(2001, 1000)).catch((error: SightlineError) => error) as SightlineError
  t.match(error, {
    code: 'IMAGE_TOO_MANY_PIXELS', statusCode: 422, details: { width: 2001, height: 1000, max_pixels: 2_000_000 }
  })
  t.equal(error.message, 'a, an AVIF, has 2001 x 1000 pixels; the limit is 2000000 pixels')
  t.equal(error.sentence('zh'), 'a（AVIF） 有 2001 x 1000 像素，上限为 2000000 像素')
  t.match(await inspect(t, await noise(30, 20).avif({ effort: 0 }).toBuffer()), { format: 'avif', width: 30 })
})

t.test('headers with duplicate or missing boxes', async t => {
  const good = avif([item(1)])
  const metaAt = good.indexOf('meta') - 4
  const meta = good.subarray(metaAt)
  const twice = (type: string) => {
    const at = meta.indexOf(type) - 4
    const copy = meta.subarray(at, at + meta.readUInt32BE(at))
    return join(good.subarray(0, metaAt), patched(join(meta, copy), 0, be32(meta.length + copy.length)))
  }
  const damaged = [
    ...['iloc', 'iprp', 'idat'].map(twice),
    join(good, meta),
    join(good.subarray(0, metaAt), box('mini', Buffer.alloc(20)), meta),
    good.subarray(0, metaAt),
    patched(good, good.indexOf('ispe') - 4, be32(4)),
    patched(good, good.indexOf('iloc') + 4, Buffer.from([3])),
    patched(good, good.indexOf('ipma') + 8, be32(0xffffffff))
  ]
  for (const [index, bytes] of damaged.entries()) {
    await t.rejects(
      inspect(t, bytes),
      { code: 'CORRUPT_IMAGE', message: 'a cannot be decoded: its header is truncated or damaged' }, `header ${index}`
    )
  }
})
