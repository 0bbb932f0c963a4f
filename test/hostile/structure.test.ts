import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { deflateSync } from 'node:zlib'
import t, { type Test } from 'tap'
import type { SightlineError } from '../../errors/catalogue.ts'
import { ROOT } from '../../config/root.ts'
import { inspectImage, type ImageHeader } from '../../services/images/inspect.ts'
import {
  MAX_AVIF_BOXES, MAX_AVIF_FRAMES, MAX_AVIF_PARTS_OF_IMAGE, MAX_AVIF_UNITS
} from '../../services/images/structure/avif.ts'
import { MAX_AVIF_INNER_BOXES } from '../../services/images/structure/boxes.ts'
import { MAX_GIF_BLOCKS } from '../../services/images/structure/gif.ts'
import {
  MAX_AVIF_ASSOCIATIONS, MAX_AVIF_EXTENTS, MAX_AVIF_ITEMS, MAX_AVIF_PARTS, MAX_AVIF_SHARED_MIB
} from '../../services/images/structure/items.ts'
import { MAX_JPEG_SCANS, MAX_JPEG_SEGMENTS } from '../../services/images/structure/jpeg.ts'
import { MAX_PNG_CHUNKS, MAX_PNG_COMPRESSED_TEXTS } from '../../services/images/structure/png.ts'
import { MAX_TEXT_MIB } from '../../services/images/structure/text.ts'
import {
  MAX_TIFF_PAGES, MAX_TIFF_SHARED_MIB, MAX_TIFF_TAGS, MAX_TIFF_TAGS_OF_PAGE
} from '../../services/images/structure/tiff.ts'
import { MAX_AVIF_TABLE_ENTRIES } from '../../services/images/structure/tracks.ts'
import { MAX_WEBP_CHUNKS } from '../../services/images/structure/webp.ts'
import { be16, be32, join, le16, le32, patched, repeated } from '../../tools/lib/bytes.ts'
import { box, sized } from '../../tools/lib/iso-boxes.ts'
import { noise, store } from '../services/images/draw.ts'
import { ALPHA, avif, coded, emptyUnits, frameTables, grid, movie, type Item } from './avif.ts'
import { frame as gifFrame, gif } from './gif.ts'
import { progressive, segment, withSegments } from './jpeg.ts'
import { black, chunk as pngChunk, png, swellingTexts } from './png.ts'
import { pages, image, sharedValues } from './tiff.ts'
import { animation, ANIMATION, chunk, extended, frame, webp } from './webp.ts'

const LIMITS = { maxInputPixels: 4_000_000 }

async function inspect (t: Test, bytes: Buffer): Promise<ImageHeader> {
  return await inspectImage({ ...await store(t.testdir(), 'a', bytes), label: 'a' }, LIMITS)
}

const MIB = 1024 * 1024

/** A file at the limit is accepted; a file with one more is refused in this sentence. */
async function bounded (t: Test, make: (count: number) => Buffer, most: number, sentence: string): Promise<void> {
  t.ok(await inspect(t, make(most)), `${most} are accepted`)
  await refused(t, make(most + 1), sentence)
}

/** As `bounded`, where the decoder has a lower limit of its own and refuses the file at the limit. */
async function boundedBefore (t: Test, make: (count: number) => Buffer, most: number, sentence: string): Promise<void> {
  const error = await inspect(t, make(most)).then(() => null, (error: SightlineError) => error)
  t.match(error?.message, /its header is truncated or damaged/, `${most} are left to the decoder`)
  await refused(t, make(most + 1), sentence)
}

async function refused (t: Test, bytes: Buffer, sentence: string): Promise<void> {
  const error = await inspect(t, bytes).then(() => null, (error: SightlineError) => error)
  t.match(error, { code: 'CORRUPT_IMAGE', statusCode: 422, message: `a cannot be decoded: ${sentence}` })
  const [limit] = /\d+/.exec(sentence)!
  t.match(error?.sentence('zh'), new RegExp(`[\\u4e00-\\u9fff].*${limit}`), 'the Chinese sentence names the limit too')
}

t.test('JPEG: scans, each of which makes a decoder process the whole image', async t => {
  await bounded(t, count => progressive(64, count), MAX_JPEG_SCANS, 'it has more than 100 scans')
})

t.test('JPEG: segments, which a decoder keeps in memory', async t => {
  const good = await noise(90, 70).jpeg().toBuffer()
  const own = good.subarray(0, good.indexOf(join(0xff, 0xda))).toString('latin1').split(/\xff[\xc0-\xfe]/).length - 1
  const make = (count: number) => withSegments(good, repeated(segment(0xe5, 'x'), count - own + 1))
  await bounded(t, make, MAX_JPEG_SEGMENTS, 'it has more than 1000 segments')
})

t.test('JPEG: bytes after the only scan, or within a segment, do not count', async t => {
  const good = await noise(90, 70).jpeg().toBuffer()
  const scans = repeated(segment(0xda, Buffer.alloc(10)), 4000)
  t.match(await inspect(t, join(good, scans)), { format: 'jpeg' })
  t.match(await inspect(t, withSegments(good, segment(0xfe, scans))), { format: 'jpeg' })
  const several = await noise(90, 70).jpeg({ progressive: true }).toBuffer()
  t.match(await inspect(t, join(several, scans)), { format: 'jpeg' }, 'nor after the end of one with several scans')
})

t.test('PNG: chunks before the pixels', async t => {
  const pixels = black(64, 48)
  const make = (count: number) => png(
    { width: 64, height: 48 }, repeated(pngChunk('evIl', Buffer.alloc(0)), count - 1), pixels)
  await bounded(t, make, MAX_PNG_CHUNKS, 'it has more than 10000 chunks before its pixels')
  const after = png({ width: 64, height: 48 }, pixels, repeated(pngChunk('evIl', Buffer.alloc(0)), MAX_PNG_CHUNKS))
  t.match(await inspect(t, after), { format: 'png' }, 'chunks after them do not count')
})

t.test('PNG: texts, however well they are compressed', async t => {
  const pixels = black(64, 48)
  const withTexts = (...texts: Buffer[]) => png({ width: 64, height: 48 }, ...texts, pixels)
  const plainText = (bytes: number) => withTexts(pngChunk('tEXt', join('k', 0, Buffer.alloc(bytes - 2, 'x'))))
  const compressed = (count: number) => withTexts(...swellingTexts(count, 10))
  await bounded(t, compressed, MAX_PNG_COMPRESSED_TEXTS, 'it has more than 100 compressed texts')
  await bounded(t, plainText, MAX_TEXT_MIB * MIB, 'it has more than 4 MiB of text')
  t.match(await inspect(t, withTexts(...swellingTexts(20, 200_000))), { format: 'png' }, 'texts of 4 MB are accepted')
  await refused(t, withTexts(...swellingTexts(21, 200_000)), 'it has more than 4 MiB of text')
  await refused(t, withTexts(...swellingTexts(1, 200_000_000)), 'it has more than 4 MiB of text')
  const international = (bytes: number) => {
    const stream = deflateSync(Buffer.alloc(bytes))
    return withTexts(pngChunk('iTXt', join('XML:com.adobe.xmp', 0, 1, 0, 'en', 0, 'x', 0, stream)))
  }
  t.match(await inspect(t, international(4_000_000)), { format: 'png' })
  await refused(t, international(MAX_TEXT_MIB * MIB), 'it has more than 4 MiB of text')
})

t.test('GIF: frames and extensions, of which sharp makes an array', async t => {
  const one = gifFrame(0, 0, 1, 1)
  const comment = join(0x21, 0xfe, 1, 'x', 0)
  const frames = (count: number) => gif({ width: 1, height: 1 }, repeated(one, count))
  const both = (count: number) => gif({ width: 1, height: 1 }, repeated(join(comment, one), count / 2), one)
  await bounded(t, frames, MAX_GIF_BLOCKS, 'it has more than 100000 frames or extensions')
  await refused(t, both(MAX_GIF_BLOCKS), 'it has more than 100000 frames or extensions')
})

t.test('WebP: chunks, which libwebp counts through for every frame', async t => {
  const pixel = (await noise(1, 1).webp({ lossless: true }).toBuffer()).subarray(12)
  const sentence = 'it has more than 5000 frames or chunks'
  const frames = (count: number) => webp(
    [extended(ANIMATION, 1, 1), animation, repeated(frame(1, 1, pixel), count - 2)])
  const chunks = (count: number) => webp(
    [extended(0, 1, 1), repeated(chunk('evil', Buffer.alloc(3)), count - 2), pixel])
  await bounded(t, frames, MAX_WEBP_CHUNKS, sentence)
  await bounded(t, chunks, MAX_WEBP_CHUNKS, sentence)
})

t.test('WebP: XMP, of which sharp makes a string', async t => {
  const pixel = (await noise(1, 1).webp({ lossless: true }).toBuffer()).subarray(12)
  const make = (bytes: number) => webp([extended(4, 1, 1), pixel, chunk('XMP ', Buffer.alloc(bytes, 'x'))])
  await bounded(t, make, MAX_TEXT_MIB * MIB, 'it has more than 4 MiB of text')
})

t.test('TIFF: pages, whose directories libvips reads to count them', async t => {
  await bounded(t, pages, MAX_TIFF_PAGES, 'it has more than 5000 pages')
  // The other end first, and of 64 bits: directories of no entries, one after the other.
  const big = (count: number) => join(
    'MM\0+', be16(8, 0), be32(0, 16),
    ...Array.from({ length: count }, (_, i) => be32(0, 0, 0, i === count - 1 ? 0 : 32 + i * 16))
  )
  await boundedBefore(t, big, MAX_TIFF_PAGES, 'it has more than 5000 pages')
})

t.test('TIFF: tags, of which libtiff takes the square in time', async t => {
  const tagged = (tags: number) => pages(1, { tagsOf: () => tags })
  await bounded(t, tagged, MAX_TIFF_TAGS_OF_PAGE, 'it has more than 200 tags in one page')
  await refused(t, pages(10, { tagsOf: page => page === 9 ? 65_535 : 9 }), 'it has more than 200 tags in one page')
  // Of 64 bits, with a directory that announces 2 ** 40 of them.
  await refused(t, join('II+\0', le16(8, 0), le32(16, 0), le32(0, 256)), 'it has more than 200 tags in one page')
  const together = (tags: number) => pages(Math.ceil(tags / 100), { tagsOf: page => Math.min(100, tags - page * 100) })
  await bounded(t, together, MAX_TIFF_TAGS, 'its pages have more than 100000 tags together')
})

t.test('TIFF: values that pages share', async t => {
  // One value of 8 MiB is in the file, the others are the same one again.
  const make = (count: number) => sharedValues(count + 1, 8 * MIB)
  await bounded(t, make, MAX_TIFF_SHARED_MIB / 8, 'its pages share more than 256 MiB of values')
})

t.test('TIFF: XMP, of which sharp makes a string', async t => {
  const make = (bytes: number) => image(
    { width: 4, height: 4 }, Buffer.alloc(48), [[700, 1, Buffer.alloc(bytes, 'x')]])
  await bounded(t, make, MAX_TEXT_MIB * MIB, 'it has more than 4 MiB of text')
})

t.test('AVIF', async t => {
  const tile = await coded(256, 256)
  const item = (id: number, more: Partial<Item> = {}): Item =>
    ({ id, type: 'av01', data: tile.data, properties: [tile.configuration, tile.depth, tile.size], ...more })
  const made = (side: number, parts: number[], id = 9): Item =>
    ({ id, type: 'grid', data: grid(1, parts.length, side, side), properties: [sized(side, side)], parts })
  const again = (part: number, count: number) => Array.from({ length: count }, () => part)

  await t.test('frames, of which all are decoded and the last is shown', async t => {
    for (const wide of [false, true]) {
      for (const pieces of [1, 3]) {
        const make = (count: number) => avif([item(1, { data: repeated(tile.data, count), pieces })], { wide })
        await bounded(t, make, MAX_AVIF_FRAMES, 'it has more than 8 frames in one image')
      }
    }
    const second = (count: number) => avif([item(1), item(2, { data: repeated(join(tile.data, 0), count) })])
    await bounded(t, second, MAX_AVIF_FRAMES, 'it has more than 8 frames in one image')
  })

  await t.test('boxes, whose number libheif squares in time', async t => {
    const make = (count: number) => avif([item(1)], { before: repeated(box('free', Buffer.alloc(0)), count - 2) })
    await bounded(t, make, MAX_AVIF_BOXES, 'it has more than 100 boxes')
  })

  await t.test('frames of an image that names parts, which libheif decodes all the same', async t => {
    const make = (count: number) => avif([item(1, { data: repeated(tile.data, count), parts: [2] }), item(2)])
    await bounded(t, make, MAX_AVIF_FRAMES, 'it has more than 8 frames in one image')
  })

  await t.test('units of coded pixels, over all items', async t => {
    const sentence = 'its images have more than 10000 units of coded pixels together'
    // The encoder writes three units.
    const make = (count: number) => avif([item(1, { data: join(emptyUnits(count - 3), tile.data) })])
    await bounded(t, make, MAX_AVIF_UNITS, sentence)
    // 100 units that are stored once, and that each of 100 items has.
    const data = join(emptyUnits(97), tile.data)
    const again = (count: number) => avif(Array.from({ length: count }, (_, i) => (
      item(i + 1, { data: i === 0 ? data : Buffer.alloc(0), extents: [[0, data.length]] })
    )))
    await bounded(t, again, MAX_AVIF_UNITS / 100, sentence)
    // Units of zeros, ten at a time.
    const zeros = (count: number) => avif([item(1, { data: join(tile.data, Buffer.alloc((count - 3) * 10)) })])
    await bounded(t, zeros, MAX_AVIF_UNITS, sentence)
    // An image of 64 x 64 tiles, each in a unit of its own, with transparency of as many.
    const tiles = join(emptyUnits(64 * 64), tile.data)
    const alpha = item(2, { data: tiles, properties: [tile.configuration, tile.depth, tile.size, ALPHA], alphaOf: 1 })
    const transparent = avif([item(1, { data: tiles }), alpha])
    t.match(await inspect(t, transparent), { width: 256, height: 256 })
  })

  await t.test('items', async t => {
    const others = (count: number): Item[] => Array.from({ length: count }, (_, i) => (
      { id: i + 2, type: 'Exif', data: Buffer.alloc(1) }
    ))
    t.match(await inspect(t, avif([item(1), ...others(200)])), { format: 'avif' })
    const make = (count: number) => avif([item(1), ...others(count - 1)])
    await boundedBefore(t, make, MAX_AVIF_ITEMS, 'it has more than 1000 items')
  })

  await t.test('extents, over all items', async t => {
    const make = (count: number) => {
      const others = Array.from({ length: Math.ceil((count - 1) / 25) }, (_, i): Item => {
        const extents = Array.from({ length: Math.min(25, count - 1 - i * 25) }, (): [number, number] => [0, 1])
        return { id: i + 2, type: 'Exif', data: Buffer.alloc(0), extents }
      })
      return avif([item(1), ...others])
    }
    await bounded(t, make, MAX_AVIF_EXTENTS, 'its items have more than 3000 extents together')
  })

  await t.test('bytes that items share, which libheif copies for each', async t => {
    const make = (count: number) => {
      const extents: Item['extents'] = [[0, MIB]]
      const others = Array.from({ length: count + 1 }, (_, i): Item => (
        { id: i + 2, type: 'Exif', data: Buffer.alloc(i === 0 ? MIB : 0), extents }
      ))
      return avif([{ ...item(1), extents: [[0, tile.data.length]] }, ...others])
    }
    await bounded(t, make, MAX_AVIF_SHARED_MIB, 'its items share more than 32 MiB')
  })

  await t.test('parts, over all images and for each', async t => {
    const small = await coded(1, 1)
    const properties = [small.configuration, small.depth, small.size]
    const one: Item = { id: 1, type: 'av01', data: small.data, properties }
    const total = (count: number) => {
      const images = Array.from({ length: Math.ceil(count / 500) }, (_, i) => (
        made(64, again(1, Math.min(500, count - i * 500)), i + 2)
      ))
      return avif([one, ...images])
    }
    await boundedBefore(t, total, MAX_AVIF_PARTS, 'its images have more than 5000 parts together')
    // Each part has nine of its own, which makes ten.
    const nested = (tens: number) => avif([made(64, again(8, tens)), made(64, again(1, 9), 8), one])
    await bounded(t, nested, MAX_AVIF_PARTS_OF_IMAGE / 10, 'it has more than 1000 parts in one image')
  })

  await t.test('boxes within others', async t => {
    // The builder writes six boxes into the header, one for the item, and five for its properties.
    const own = 6 + 1 + 5
    const make = (count: number) => avif([item(1)], { inner: repeated(box('free', Buffer.alloc(0)), count - own) })
    await boundedBefore(t, make, MAX_AVIF_INNER_BOXES, 'it has more than 5000 boxes within others')
  })

  await t.test('associations of items and properties', async t => {
    const many = (count: number) => avif([
      item(1),
      ...Array.from({ length: Math.ceil((count - 3) / 200) }, (_, i): Item => {
        const properties = Array.from({ length: Math.min(200, count - 3 - i * 200) }, () => tile.size)
        return { id: i + 2, type: 'Exif', data: Buffer.alloc(1), properties }
      })
    ])
    await bounded(t, many, MAX_AVIF_ASSOCIATIONS, 'it associates items with properties more than 20000 times')
  })

  await t.test('frames of image sequences, for each of which libheif reserves memory', async t => {
    const sentence = 'its image sequences have more than 100000 frames and other table entries'
    // Three of the four tables have one entry.
    const make = (count: number) => join(avif([item(1)]), movie(tile.configuration, ...frameTables(count - 3)))
    await bounded(t, make, MAX_AVIF_TABLE_ENTRIES, sentence)
    const half = movie(tile.configuration, ...frameTables(MAX_AVIF_TABLE_ENTRIES / 2))
    await refused(t, join(avif([item(1)]), half, half), sentence)
  })

  await t.test('XMP, of which sharp makes a string', async t => {
    const make = (bytes: number) => avif([item(1), { id: 2, type: 'mime', data: Buffer.alloc(bytes, 'x') }])
    await bounded(t, make, MAX_TEXT_MIB * MIB, 'it has more than 4 MiB of text')
  })

  await t.test('parts of a picture, however small it is itself', async t => {
    // 30 of 256 x 256 are 1966080 pixels, half of the limit is 2000000.
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
      inspect(t, avif([made(64, [8]), made(64, [9], 8)])), { code: 'CORRUPT_IMAGE' }, 'nothing is a part of itself'
    )
  })

  await t.test('pixels, half as many as others may have', async t => {
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

  await t.test('headers that say things twice or not at all', async t => {
    const good = avif([item(1)])
    const metaAt = good.indexOf('meta') - 4
    const meta = good.subarray(metaAt)
    const twice = (type: string) => {
      const at = meta.indexOf(type) - 4
      const copy = meta.subarray(at, at + meta.readUInt32BE(at))
      return join(good.subarray(0, metaAt), patched(join(meta, copy), 0, be32(meta.length + copy.length)))
    }
    const damaged = [
      ...['iloc', 'iprp', 'idat'].map(twice), join(good, meta), join(
        good.subarray(0, metaAt), box('mini', Buffer.alloc(20)), meta
      ), good.subarray(0, metaAt),
      patched(good, good.indexOf('ispe') - 4, be32(4)), patched(
        good, good.indexOf('iloc') + 4, Buffer.from([3])
      ), patched(good, good.indexOf('ipma') + 8, be32(0xffffffff))
    ]
    for (const [index, bytes] of damaged.entries()) {
      await t.rejects(
        inspect(t, bytes),
        { code: 'CORRUPT_IMAGE', message: 'a cannot be decoded: its header is truncated or damaged' }, `header ${index}`
      )
    }
  })
})

t.test('once others are blocked libvips reads the six kinds and nothing else', async t => {
  const script = `
    import { blockOtherLoaders, default as sharp } from './services/images/sharp.ts'
    const drawn = sharp({ create: { width: 60, height: 40, channels: 3, background: 'teal' } })
    const kinds = await Promise.all(['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif'].map(kind => drawn.clone().withIccProfile('p3').toFormat(kind).toBuffer()))
    kinds.push(await drawn.clone().toColourspace('cmyk').jpeg().toBuffer())
    const others = ['<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', '3 3\\n1 2 3\\n4 5 6\\n7 8 9\\n'].map(text => Buffer.from(text))
    const readable = async pictures => (await Promise.allSettled(pictures.map(bytes => sharp(bytes).resize(9, 9).png().toBuffer()))).filter(({ status }) => status === 'fulfilled').length
    const before = await readable(others)
    blockOtherLoaders()
    console.log(JSON.stringify([before, await readable(others), await readable(kinds)]))`
  const { stdout } = await promisify(execFile)(
    process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], { cwd: ROOT }
  )
  t.same(JSON.parse(stdout), [1, 0, 7], 'before them an SVG was read')
})
