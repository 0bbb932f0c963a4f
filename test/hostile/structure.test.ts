import { deflateSync } from 'node:zlib'
import t from 'tap'
import { MAX_GIF_BLOCKS } from '../../services/images/structure/gif.ts'
import { MAX_JPEG_SCANS, MAX_JPEG_SEGMENTS } from '../../services/images/structure/jpeg.ts'
import { MAX_PNG_CHUNKS, MAX_PNG_COMPRESSED_TEXTS } from '../../services/images/structure/png.ts'
import { MAX_TEXT_MIB } from '../../services/images/structure/text.ts'
import {
  MAX_TIFF_PAGES, MAX_TIFF_SHARED_MIB, MAX_TIFF_TAGS, MAX_TIFF_TAGS_OF_PAGE
} from '../../services/images/structure/tiff.ts'
import { MAX_WEBP_CHUNKS } from '../../services/images/structure/webp.ts'
import { be16, be32, join, le16, le32, repeated } from '../../tools/lib/bytes.ts'
import { noise } from '../services/images/draw.ts'
import { bounded, boundedBefore, inspect, MIB, refused } from './bounded.ts'
import { frame as gifFrame, gif } from './gif.ts'
import { progressive, segment, withSegments } from './jpeg.ts'
import { black, chunk as pngChunk, png, swellingTexts } from './png.ts'
import { pages, image, sharedValues } from './tiff.ts'
import { animation, ANIMATION, chunk, extended, frame, webp } from './webp.ts'

t.test('JPEG: scans (a decoder processes the whole image for each)', async t => {
  await bounded(t, count => progressive(64, count), MAX_JPEG_SCANS, 'it has more than 100 scans')
})

t.test('JPEG: segments (a decoder keeps them in memory)', async t => {
  const good = await noise(90, 70).jpeg().toBuffer()
  const own = good.subarray(0, good.indexOf(join(0xff, 0xda))).toString('latin1').split(/\xff[\xc0-\xfe]/).length - 1
  const make = (count: number) => withSegments(good, repeated(segment(0xe5, 'x'), count - own + 1))
  await bounded(t, make, MAX_JPEG_SEGMENTS, 'it has more than 1000 segments')
})

t.test('JPEG: bytes after the last scan or within a segment are not counted', async t => {
  const good = await noise(90, 70).jpeg().toBuffer()
  const scans = repeated(segment(0xda, Buffer.alloc(10)), 4000)
  t.match(await inspect(t, join(good, scans)), { format: 'jpeg' })
  t.match(await inspect(t, withSegments(good, segment(0xfe, scans))), { format: 'jpeg' })
  const several = await noise(90, 70).jpeg({ progressive: true }).toBuffer()
  t.match(await inspect(t, join(several, scans)), { format: 'jpeg' }, 'after the end of an image with several scans')
})

t.test('PNG: chunks before the pixels', async t => {
  const pixels = black(64, 48)
  const make = (count: number) => png(
    { width: 64, height: 48 }, repeated(pngChunk('evIl', Buffer.alloc(0)), count - 1), pixels)
  await bounded(t, make, MAX_PNG_CHUNKS, 'it has more than 10000 chunks before its pixels')
  const after = png({ width: 64, height: 48 }, pixels, repeated(pngChunk('evIl', Buffer.alloc(0)), MAX_PNG_CHUNKS))
  t.match(await inspect(t, after), { format: 'png' }, 'chunks after the pixels are not counted')
})

t.test('PNG: texts, compressed or not', async t => {
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

t.test('GIF: frames and extensions (sharp creates an array of them)', async t => {
  const one = gifFrame(0, 0, 1, 1)
  const comment = join(0x21, 0xfe, 1, 'x', 0)
  const frames = (count: number) => gif({ width: 1, height: 1 }, repeated(one, count))
  const both = (count: number) => gif({ width: 1, height: 1 }, repeated(join(comment, one), count / 2), one)
  await bounded(t, frames, MAX_GIF_BLOCKS, 'it has more than 100000 frames or extensions')
  await refused(t, both(MAX_GIF_BLOCKS), 'it has more than 100000 frames or extensions')
})

t.test('WebP: chunks (libwebp counts them for every frame)', async t => {
  const pixel = (await noise(1, 1).webp({ lossless: true }).toBuffer()).subarray(12)
  const sentence = 'it has more than 5000 frames or chunks'
  const frames = (count: number) => webp(
    [extended(ANIMATION, 1, 1), animation, repeated(frame(1, 1, pixel), count - 2)])
  const chunks = (count: number) => webp(
    [extended(0, 1, 1), repeated(chunk('evil', Buffer.alloc(3)), count - 2), pixel])
  await bounded(t, frames, MAX_WEBP_CHUNKS, sentence)
  await bounded(t, chunks, MAX_WEBP_CHUNKS, sentence)
})

t.test('WebP: XMP (sharp creates a string from it)', async t => {
  const pixel = (await noise(1, 1).webp({ lossless: true }).toBuffer()).subarray(12)
  const make = (bytes: number) => webp([extended(4, 1, 1), pixel, chunk('XMP ', Buffer.alloc(bytes, 'x'))])
  await bounded(t, make, MAX_TEXT_MIB * MIB, 'it has more than 4 MiB of text')
})

t.test('TIFF: pages (libvips reads their directories to count them)', async t => {
  await bounded(t, pages, MAX_TIFF_PAGES, 'it has more than 5000 pages')
  // A big-endian TIFF with 64 bits: directories without entries, one after another.
  const big = (count: number) => join(
    'MM\0+', be16(8, 0), be32(0, 16),
    ...Array.from({ length: count }, (_, i) => be32(0, 0, 0, i === count - 1 ? 0 : 32 + i * 16))
  )
  await boundedBefore(t, big, MAX_TIFF_PAGES, 'it has more than 5000 pages', 'it is truncated or damaged')
})

t.test('TIFF: tags (the time of libtiff grows with their square)', async t => {
  const tagged = (tags: number) => pages(1, { tagsOf: () => tags })
  await bounded(t, tagged, MAX_TIFF_TAGS_OF_PAGE, 'it has more than 200 tags in one page')
  await refused(t, pages(10, { tagsOf: page => page === 9 ? 65_535 : 9 }), 'it has more than 200 tags in one page')
  // A TIFF with 64 bits and a directory that announces 2 ** 40 tags.
  await refused(t, join('II+\0', le16(8, 0), le32(16, 0), le32(0, 256)), 'it has more than 200 tags in one page')
  const together = (tags: number) => pages(Math.ceil(tags / 100), { tagsOf: page => Math.min(100, tags - page * 100) })
  await bounded(t, together, MAX_TIFF_TAGS, 'its pages have more than 100000 tags together')
})

t.test('TIFF: values that pages share', async t => {
  // The file contains one value of 8 MiB, which all pages share.
  const make = (count: number) => sharedValues(count + 1, 8 * MIB)
  await bounded(t, make, MAX_TIFF_SHARED_MIB / 8, 'its pages share more than 256 MiB of values')
})

t.test('TIFF: XMP (sharp creates a string from it)', async t => {
  const make = (bytes: number) => image(
    { width: 4, height: 4 }, Buffer.alloc(48), [[700, 1, Buffer.alloc(bytes, 'x')]])
  await bounded(t, make, MAX_TEXT_MIB * MIB, 'it has more than 4 MiB of text')
})
