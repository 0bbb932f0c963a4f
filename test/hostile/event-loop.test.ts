import { execFile } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { ROOT } from '../../config/root.ts'
import { createReader } from '../../services/images/structure/reader.ts'
import { be16, be32, join, repeated } from '../../tools/lib/bytes.ts'
import { box, full, sized } from '../../tools/lib/iso-boxes.ts'
import { noise, store } from '../services/images/draw.ts'
import { avif, coded, emptyUnits, frameTables, movie, sharing, type Item } from './avif.ts'
import { frame as gifFrame, gif } from './gif.ts'
import { progressive } from './jpeg.ts'
import { black, chunk as pngChunk, png, swellingTexts } from './png.ts'
import type { Stall } from './stall.ts'
import { overlappingPages, pages, scatteredPages, sharedValues } from './tiff.ts'
import { animation, ANIMATION, chunk, extended, frame, webp } from './webp.ts'

/**
 * Maximum time of the main thread between two turns of the event loop, for up to eight files at once. On a machine of
 * 2026 the checks take up to 11 ms, and strings of 4 MiB of text take 56 ms. The rest is a reserve for slower machines.
 */
const MOST_STALL_MS = 100
/** Maximum total time of the main thread for one file. It is 110 ms on that machine. */
const MOST_MAIN_MS = 400
/** Files up to this size are tested several at once, because a client can send many of them quickly. */
const SMALL_BYTES = 200_000
/** The default of MAX_FILE_SIZE_MB. */
const FILE_BYTES = 20_000_000
const MAX_INPUT_PIXELS = 100_000_000

/** Creates the worst files of each format: files at a limit, and files that are refused above it. */
async function worstFiles (): Promise<Record<string, Buffer>> {
  const tile = await coded(64, 64)
  const one: Item = { id: 1, type: 'av01', data: tile.data, properties: [tile.configuration, tile.depth, tile.size] }
  const empty = box('free', Buffer.alloc(0))
  const parts = box('dimg', join(be16(9, 0xffff), repeated(be16(1), 0xffff)))
  const entry = join(be16(1), 255, Buffer.alloc(255, 0x81))
  const associations = full('ipma', 0, be32(4000), repeated(entry, 4000))
  const track = box('trak', Buffer.alloc(0))
  // Units alternate between the start and the end of the file, so that each needs a read from the disk.
  const units = repeated(join(0x12, 8, Buffer.alloc(8)), 3)
  const far = join(units, Buffer.alloc(FILE_BYTES), units)
  const apart = [0, 1, 2].flatMap((i): Array<[number, number]> => [[i * 10, 10], [30 + FILE_BYTES + i * 10, 10]])

  const coder = progressive(64, 3)
  const end = coder.length - 2
  const scanned = (bytes: Buffer) => join(coder.subarray(0, end), bytes, coder.subarray(end))
  const pixel = (await noise(1, 1).webp({ lossless: true }).toBuffer()).subarray(12)
  const slowFrame = gifFrame(0, 0, 1, 1, join(2, repeated(Buffer.from([1, 0x44]), 9_000_000), 0))
  const chunks = repeated(pngChunk('evIl', Buffer.alloc(2000)), 9890)

  return {
    'AVIF: 1000 items that share 5000 units': sharing(1000, emptyUnits(5000)),
    'AVIF: 1000 items that share 50 kB of zeros': sharing(1000, Buffer.alloc(50_000)),
    'AVIF: 3000 units at both ends of 20 MB': sharing(500, far, apart),
    'AVIF: 2.4 million boxes in its header': avif([one], { inner: repeated(empty, FILE_BYTES / 8) }),
    'AVIF: 10 million parts': avif([one], { inner: full('iref', 0, repeated(parts, 150)) }),
    'AVIF: 20 million associations': join(avif([one]).subarray(0, 28), full('meta', 0, box('iprp', join(
      box('ipco', sized(64, 64)), repeated(associations, 19))))),
    'AVIF: 2.4 million boxes in a sequence': join(avif([one]), box('moov', repeated(track, 2_400_000))),
    'AVIF: a sequence of 17 million frames': join(avif([one]), movie(tile.configuration, ...frameTables(17_000_000))),
    'GIF: 90000 frames, then pixels in pieces of one byte': gif({ width: 1, height: 1 },
      repeated(gifFrame(0, 0, 1, 1), 90_000), slowFrame),
    'JPEG: stuffed bytes': scanned(repeated(Buffer.from([0xff, 0]), FILE_BYTES / 2)),
    'JPEG: 0xff': scanned(Buffer.alloc(FILE_BYTES, 0xff)),
    'JPEG: restart markers': scanned(repeated(Buffer.from([0xff, 0xd0]), FILE_BYTES / 2)),
    'PNG: 10000 chunks and 100 compressed texts': png({ width: 64, height: 48 },
      ...swellingTexts(100, 20_000), chunks, black(64, 48)),
    'PNG: 4 MiB of text': png({ width: 64, height: 48 },
      pngChunk('tEXt', join('k', 0, Buffer.alloc(4_194_302, 0xe4))), black(64, 48)),
    'PNG: 20 texts that inflate to 8 MB': png({ width: 64, height: 48 },
      ...swellingTexts(20, 7_900_000), black(64, 48)),
    'TIFF: 5000 pages of 20 tags at both ends of 20 MB': scatteredPages(5000, 20, FILE_BYTES),
    'TIFF: 500 pages of 200 tags': pages(500, { tagsOf: () => 200 }),
    'TIFF: 5000 pages, 4 kB apart': pages(5000, { gap: 3890 }),
    'TIFF: 100 overlapping pages of 4000 tags': overlappingPages(100, 4000),
    'TIFF: 80 overlapping pages of 200 tags': overlappingPages(80, 200),
    'TIFF: 30 pages that share 8 MB': sharedValues(30, 8_000_000),
    'WebP: 5000 chunks, 4 kB apart': webp(
      [extended(0, 1, 1), repeated(chunk('evil', Buffer.alloc(3990)), 4998), pixel]),
    'WebP: 5000 frames': webp([extended(ANIMATION, 1, 1), animation, repeated(frame(1, 1, pixel), 4998)]),
    'WebP: XMP of 4 MiB': webp([extended(4, 1, 1), pixel, chunk('XMP ', Buffer.alloc(4_194_304, 'ä'))])
  }
}

const skip = !existsSync('/proc/thread-self/schedstat') && 'the measurement needs /proc'
t.test('no file blocks the event loop', { skip }, async t => {
  const dir = t.testdir()
  const runs = Object.entries(await worstFiles()).flatMap(([name, bytes], index) => {
    const file = path.join(dir, String(index))
    writeFileSync(file, bytes)
    const sized = `${name} (${(bytes.length / 1e6).toFixed(2)} MB)`
    return (bytes.length > SMALL_BYTES ? [1] : [1, 8]).map(atOnce => ({ file, atOnce, name: sized }))
  })
  const script = path.join(ROOT, 'test/hostile/stall.ts')
  const files = runs.map(({ file, atOnce }) => `${atOnce}:${file}`)
  const args = ['--import', 'tsx', script, String(MAX_INPUT_PIXELS), ...files]
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, maxBuffer: 2 ** 24 })
  const stalls = stdout.trim().split('\n').map(line => JSON.parse(line) as Stall)
  t.equal(stalls.length, runs.length)

  for (const [index, { outcome, longestMs, longestWallMs, mainMs, wallMs }] of stalls.entries()) {
    const { name, atOnce } = runs[index]!
    const [longest, wall, main, all] = [longestMs, longestWallMs, mainMs, wallMs].map(Math.round)
    t.comment(`${name}, ${atOnce} at once: no turn for ${longest} ms (wall clock: ${wall} ms), ` +
      `${main} ms of the main thread, ${all} ms in total: ${outcome}`)
    t.ok(longestMs < MOST_STALL_MS, `${name}: ${atOnce} at once do not block the event loop`)
    t.ok(mainMs < MOST_MAIN_MS * atOnce, `${name}: ${atOnce} at once need little time of the main thread`)
  }
})

t.test('a reader gives the event loop turns, even if all bytes are in memory', async t => {
  const { path } = await store(t.testdir(), 'a', Buffer.alloc(1000))
  const handle = await open(path)
  t.teardown(() => handle.close())
  const reader = await createReader(handle)
  let turns = 0
  let reading = true
  const count = () => {
    turns++
    if (reading) setImmediate(count)
  }
  setImmediate(count)
  for (let i = 0; i < 64 * 50; i++) await reader.from(i % 900, 1)
  reading = false
  t.ok(turns >= 50, `${turns} turns`)
})

t.test('a reader returns the same bytes in any order of calls', async t => {
  const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7919 >> 3) & 255))
  const { path } = await store(t.testdir(), 'a', bytes)
  const handle = await open(path)
  t.teardown(() => handle.close())
  const reader = await createReader(handle)
  t.equal(reader.size, bytes.length)
  for (const at of [0, 299_999, 5, 70_000, 69_000, 200_000, 100_000, 100_001, 299_990, 140_000, 0]) {
    for (const least of [1, 10, 5000, 90_000]) {
      const read = await reader.from(at, least)
      t.ok(read.length >= Math.min(least, bytes.length - at), `${least} bytes from ${at}`)
      t.ok(read.equals(bytes.subarray(at, at + read.length)))
    }
  }
  t.equal((await reader.from(bytes.length, 1)).length, 0, 'no bytes after the end')
})
