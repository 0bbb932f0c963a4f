import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import type { SightlineError } from '../../errors.ts'
import { ROOT } from '../../root.ts'
import { inspectImage, type ImageHeader } from '../../services/images/inspect.ts'
import { noise, store } from '../services/images/draw.ts'
import { avif, box, coded, grid, sized, type Item } from './avif.ts'
import { be16, be32, join, patched, repeated } from './hostile-picture.ts'
import { progressive, segment, withSegments } from './jpeg.ts'
import { pages } from './tiff.ts'
import { animation, ANIMATION, chunk, extended, frame, webp } from './webp.ts'

const LIMITS = { maxInputPixels: 4_000_000 }

async function inspect (t: Test, bytes: Buffer): Promise<ImageHeader> {
  return await inspectImage({ ...await store(t.testdir(), 'a', bytes), label: 'a' }, LIMITS)
}

/** Just as many are taken; one more is refused in these words. */
async function bounded (t: Test, make: (count: number) => Buffer, most: number, sentence: string): Promise<void> {
  t.ok(await inspect(t, make(most)), `${most} are taken`)
  await t.rejects(inspect(t, make(most + 1)), { code: 'CORRUPT_IMAGE', statusCode: 422, message: `a cannot be decoded: ${sentence}` })
}

t.test('JPEG: scans, of which each takes a decoder through the whole picture', async t => {
  await bounded(t, count => progressive(64, count), 100, 'it has more than 100 scans')
})

t.test('JPEG: segments, which a decoder keeps in memory', async t => {
  const good = await noise(90, 70).jpeg().toBuffer()
  const own = good.subarray(0, good.indexOf(join(0xff, 0xda))).toString('latin1').split(/\xff[\xc0-\xfe]/).length - 1
  await bounded(t, count => withSegments(good, repeated(segment(0xe5, 'x'), count - own + 1)), 1000, 'it has more than 1000 segments')
})

t.test('JPEG: what stands behind the only scan, or within a segment, does not count', async t => {
  const good = await noise(90, 70).jpeg().toBuffer()
  const scans = repeated(segment(0xda, Buffer.alloc(10)), 4000)
  t.match(await inspect(t, join(good, scans)), { format: 'jpeg' })
  t.match(await inspect(t, withSegments(good, segment(0xfe, scans))), { format: 'jpeg' })
  const several = await noise(90, 70).jpeg({ progressive: true }).toBuffer()
  t.match(await inspect(t, join(several, scans)), { format: 'jpeg' }, 'nor behind the end of one with several scans')
})

t.test('WebP: chunks, which libwebp counts through for every frame', async t => {
  const pixel = (await noise(1, 1).webp({ lossless: true }).toBuffer()).subarray(12)
  await bounded(t, count => webp([extended(ANIMATION, 1, 1), animation, repeated(frame(1, 1, pixel), count - 2)]), 5000, 'it has more than 5000 frames or chunks')
  await bounded(t, count => webp([extended(0, 1, 1), repeated(chunk('evil', Buffer.alloc(3)), count - 2), pixel]), 5000, 'it has more than 5000 frames or chunks')
})

t.test('TIFF: pages, whose directories libvips reads to count them', async t => {
  await bounded(t, pages, 5000, 'it has more than 5000 pages')
  // The other end first, and of 64 bits: directories of no entries, one behind the other.
  const big = (count: number) => join('MM\0+', be16(8, 0), be32(0, 16), ...Array.from({ length: count }, (_, i) => be32(0, 0, 0, i === count - 1 ? 0 : 32 + i * 16)))
  await t.rejects(inspect(t, big(5001)), { message: 'a cannot be decoded: it has more than 5000 pages' })
  await t.rejects(inspect(t, big(5000)), { message: 'a cannot be decoded: its header is truncated or damaged' }, 'which is for libtiff to say')
})

t.test('AVIF', async t => {
  const tile = await coded(256, 256)
  const item = (id: number, more: Partial<Item> = {}): Item => ({ id, type: 'av01', data: tile.data, properties: [tile.configuration, tile.depth, tile.size], ...more })
  const made = (side: number, parts: number[], id = 9): Item => ({ id, type: 'grid', data: grid(1, parts.length, side, side), properties: [sized(side, side)], parts })
  const again = (part: number, count: number) => Array.from({ length: count }, () => part)

  await t.test('frames, of which all are decoded and the last is shown', async t => {
    for (const wide of [false, true]) {
      for (const pieces of [1, 3]) {
        await bounded(t, count => avif([item(1, { data: repeated(tile.data, count), pieces })], { wide }), 8, 'it has more than 8 frames in one picture')
      }
    }
    await bounded(t, count => avif([item(1), item(2, { data: repeated(join(tile.data, 0), count) })]), 8, 'it has more than 8 frames in one picture')
  })

  await t.test('boxes, whose number libheif squares in time', async t => {
    await bounded(t, count => avif([item(1)], { before: repeated(box('free', Buffer.alloc(0)), count - 2) }), 100, 'it has more than 100 boxes')
  })

  await t.test('parts of a picture, however small it is itself', async t => {
    // 30 of 256 x 256 are 1966080 pixels, half of the limit is 2000000.
    for (const wide of [false, true]) {
      await bounded(t, count => avif([made(64, again(1, count)), item(1)], { wide }), 30, 'its parts have more than 2000000 pixels together')
    }
    await t.rejects(inspect(t, avif([made(64, again(8, 6)), made(64, again(1, 6), 8), item(1)])), { message: 'a cannot be decoded: its parts have more than 2000000 pixels together' }, 'parts of parts')
    await t.rejects(inspect(t, avif([made(64, [8]), made(64, [9], 8)])), { code: 'CORRUPT_IMAGE' }, 'nothing is a part of itself')
  })

  await t.test('pixels, half as many as others may have', async t => {
    const claiming = (width: number, height: number) => avif([item(1, { properties: [tile.configuration, tile.depth, sized(width, height)] })])
    t.match(await inspect(t, claiming(2000, 1000)), { width: 2000, height: 1000 })
    const error = await inspect(t, claiming(2001, 1000)).catch((error: SightlineError) => error) as SightlineError
    t.match(error, { code: 'IMAGE_TOO_MANY_PIXELS', statusCode: 422, details: { width: 2001, height: 1000, max_pixels: 2_000_000 } })
    t.equal(error.message, 'a, an AVIF, claims 2001 x 1000 pixels, the limit is 2000000 pixels')
    t.equal(error.sentence('zh'), 'a（AVIF） 声称有 2001 x 1000 像素，上限为 2000000 像素')
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
      ...['iloc', 'iprp', 'idat'].map(twice), join(good, meta), join(good.subarray(0, metaAt), box('mini', Buffer.alloc(20)), meta), good.subarray(0, metaAt),
      patched(good, good.indexOf('ispe') - 4, be32(4)), patched(good, good.indexOf('iloc') + 4, Buffer.from([3])), patched(good, good.indexOf('ipma') + 8, be32(0xffffffff))
    ]
    for (const [index, bytes] of damaged.entries()) {
      await t.rejects(inspect(t, bytes), { code: 'CORRUPT_IMAGE', message: 'a cannot be decoded: its header is truncated or damaged' }, `header ${index}`)
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
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], { cwd: ROOT })
  t.same(JSON.parse(stdout), [1, 0, 7], 'before them an SVG was read')
})
