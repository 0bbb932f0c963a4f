import { readdir } from 'node:fs/promises'
import sharp, { type Sharp } from 'sharp'
import t from 'tap'
import { be16, join, patched } from '../../../tools/lib/bytes.ts'
import { generator } from '../../../tools/lib/random.ts'
import { near, pixel, prepare, store, type Colour } from './draw.ts'

const START = Buffer.from([0xff, 0xd8])
const END = Buffer.from([0xff, 0xd9])
const SIZE = { width: 56, height: 28 }
/** The size of the file, which needs no preparation. */
const READY = { width: 560, height: 280 }

/** A photo with details down to its last row, equal in each run: red in the upper half, green in the lower one. */
function photo (): Sharp {
  const { width, height } = READY
  const random = generator(1)
  const data = Buffer.from(Array.from({ length: width * height * 3 }, (_, i) => {
    const colour = i < width * height * 3 / 2 ? [160, 48, 32] : [32, 160, 48]
    return colour[i % 3]! + Math.floor(random() * 60) - 30
  }))
  return sharp(data, { raw: { width, height, channels: 3 } })
}

const drawn = photo()
const segment = (marker: number, content: Buffer) => join(0xff, marker, be16(content.length + 2), content)
const scanAt = (jpeg: Buffer) => jpeg.indexOf(join(0xff, 0xda))
const afterStart = (jpeg: Buffer, ...parts: Buffer[]) => join(START, ...parts, jpeg.subarray(2))

/** The segment of Adobe. sharp's JPEGs have none, except for CMYK. */
const adobe = (transform: number) => segment(0xee, join('Adobe', 0, 100, 0, 0, 0, 0, transform))

const baseline = await drawn.clone().jpeg({ quality: 85 }).toBuffer()
const kinds: Record<string, Buffer> = {
  baseline,
  '4:4:4': await drawn.clone().jpeg({ chromaSubsampling: '4:4:4' }).toBuffer(),
  progressive: await drawn.clone().jpeg({ progressive: true }).toBuffer(),
  mozjpeg: await drawn.clone().jpeg({ mozjpeg: true }).toBuffer(),
  grey: await drawn.clone().toColourspace('b-w').jpeg().toBuffer(),
  Photoshop: afterStart(baseline, adobe(1)),
  'grey of Photoshop': afterStart(await drawn.clone().toColourspace('b-w').jpeg().toBuffer(), adobe(0)),
  CMYK: await drawn.clone().toColourspace('cmyk').jpeg({ quality: 95 }).toBuffer()
}

t.test('a JPEG that only lacks its end marker is decoded, down to its last row', async t => {
  for (const [kind, jpeg] of Object.entries(kinds)) {
    t.same(jpeg.subarray(-2), END)
    for (const [what, bytes] of [
      ['no marker', jpeg.subarray(0, -2)], ['half a marker', jpeg.subarray(0, -1)]
    ] as const) {
      for (const size of [SIZE, READY]) {
        const prepared = await prepare(await store(t.testdir(), 'a.jpg', bytes), size)
        t.equal(prepared.compressed, true, `${kind}, ${what}: the engine gets a complete file`)
        const [red, green] = await pixel(prepared.path, 20, size.height - 2)
        t.ok(kind.startsWith('grey') || green! > red! + 40, `${kind}, ${what}: ${red} ${green}`)
      }
    }
  }
})

t.test('a JPEG that lacks more is refused, with an end marker or without', async t => {
  for (const [kind, jpeg] of Object.entries(kinds)) {
    for (const part of [0.3, 0.5, 0.9]) {
      for (const end of [Buffer.alloc(0), END]) {
        const bytes = join(jpeg.subarray(0, Math.floor(jpeg.length * part)), end)
        const dir = t.testdir()
        for (const size of [SIZE, READY]) {
          await t.rejects(prepare(await store(dir, 'a.jpg', bytes), size), {
            code: 'CORRUPT_IMAGE'
          }, `${kind}: ${part}, ${end.length > 0 ? 'with' : 'without'} an end`)
        }
        t.same(await readdir(dir), ['a.jpg'])
      }
    }
    await t.rejects(prepare(await store(t.testdir(), 'a.jpg', jpeg.subarray(0, -3)), SIZE), {
      code: 'CORRUPT_IMAGE'
    }, `${kind}: one byte of its pixels is missing`)
  }
})

t.test('a progressive JPEG that was cut off between two scans is refused', async t => {
  const jpeg = kinds.progressive!
  const cut = jpeg.subarray(0, jpeg.lastIndexOf(join(0xff, 0xc4)))
  await t.rejects(prepare(await store(t.testdir(), 'a.jpg', cut), SIZE), { code: 'CORRUPT_IMAGE' })
})

t.test('a JPEG with a scan for each component is refused if a scan is missing', async t => {
  const { width, height } = READY
  const options = { chromaSubsampling: '4:4:4', quality: 85 }
  const grey = await drawn.clone().toColourspace('b-w').jpeg(options).toBuffer()
  const header = grey.subarray(0, scanAt(grey))
  const data = grey.subarray(scanAt(grey) + 2 + 8, -2)
  const frameAt = header.indexOf(join(0xff, 0xc0))
  const frame = segment(0xc0, join(8, be16(height), be16(width), 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0))
  const start = join(header.subarray(0, frameAt), frame, header.subarray(frameAt + 2 + 11))
  const scan = (component: number) => join(segment(0xda, join(1, component, 0, 0, 63, 0)), data)
  const dir = t.testdir()
  const prepared = await prepare(await store(dir, 'a.jpg', join(start, scan(1), scan(2), scan(3), END)), SIZE)
  t.equal(prepared.compressed, true)
  for (const components of [[1], [2, 3], [1, 2], [1, 1, 1]]) {
    await t.rejects(prepare(await store(dir, 'b.jpg', join(start, ...components.map(scan), END)), SIZE), {
      code: 'CORRUPT_IMAGE'
    }, `${components}`)
  }
})

t.test('the thumbnail of a JPEG is not taken for its pixels', async t => {
  const thumbnail = await drawn.clone().resize(56, 28).jpeg().toBuffer()
  const jpeg = afterStart(baseline, segment(0xe5, thumbnail))
  const prepared = await prepare(await store(t.testdir(), 'a.jpg', jpeg.subarray(0, -2)), READY)
  t.equal(prepared.compressed, true, 'the engine gets a file with an end marker')
})

t.test('a JPEG with a hole of zeros in its pixels is refused', async t => {
  for (const [kind, jpeg] of Object.entries(kinds)) {
    for (const length of [200, 1000, 4096]) {
      const at = scanAt(jpeg) + Math.floor((jpeg.length - scanAt(jpeg)) * 0.4)
      const bytes = patched(jpeg, at, Buffer.alloc(length))
      for (const size of [SIZE, READY]) {
        await t.rejects(prepare(await store(t.testdir(), 'a.jpg', bytes), size), {
          code: 'CORRUPT_IMAGE', statusCode: 422
        }, `${kind}: ${length} zeros`)
      }
    }
  }
})

t.test('healthy JPEGs with oddities are decoded', async t => {
  const scan = scanAt(baseline)
  const jfif = baseline.indexOf('JFIF') - 6
  const withoutJfif = baseline[3] === 0xe0 ? join(START, baseline.subarray(jfif + 20)) : baseline
  const several = kinds.progressive!
  const second = await drawn.clone().resize(160, 80).jpeg().toBuffer()
  const cases: Array<[oddity: string, bytes: Buffer]> = [
    ['stray bytes between segments', join(baseline.subarray(0, scan), 0x11, 0x22, baseline.subarray(scan))],
    [
      'stray bytes in a progressive JPEG',
      join(several.subarray(0, scanAt(several)), 9, several.subarray(scanAt(several)))
    ],
    ['fill bytes before a marker', join(baseline.subarray(0, scan), 0xff, 0xff, baseline.subarray(scan))],
    ['bytes before the end marker (cameras on USB)', join(baseline.subarray(0, -2), 0, 0, 0, 0, END)],
    ['a block of zeros before the end marker', join(baseline.subarray(0, -2), Buffer.alloc(500), END)],
    ['a block of zeros before the end of a progressive JPEG', join(several.subarray(0, -2), Buffer.alloc(500), END)],
    ['zeros after the end marker', join(baseline, Buffer.alloc(5000))],
    ['a trailer of a phone after the end marker', join(baseline, 'SEFT', Buffer.alloc(300, 7))],
    ['a second image (MPO)', join(baseline, second)],
    ['zeros in its metadata', afterStart(baseline, segment(0xe1, join('Exif\0\0MM\0*', Buffer.alloc(4000))))],
    ['a thumbnail in its metadata', afterStart(baseline, segment(0xe1, join('Exif\0\0', second.subarray(0, 30_000))))],
    ['JFIF 2.1', baseline[3] === 0xe0 ? patched(baseline, jfif + 11, Buffer.from([2, 1])) : baseline],
    ['an unknown transform of Adobe', afterStart(withoutJfif, adobe(9))],
    ['parameters of a progressive scan', patched(baseline, scan + 11, Buffer.from([0, 0, 0]))],
    ['no end marker and stray bytes', join(baseline.subarray(0, scan), 0x11, baseline.subarray(scan, -2))],
    ['restart markers', await restarts()]
  ]
  for (const [oddity, bytes] of cases) {
    const prepared = await prepare(await store(t.testdir(), 'a.jpg', bytes), SIZE)
    const colours: Array<[Colour, number]> = [[[160, 48, 32], 4], [[32, 160, 48], 24]]
    for (const [colour, y] of colours) {
      t.ok(near(await pixel(prepared.path, 20, y), colour, 45), `${oddity}: ${await pixel(prepared.path, 20, y)}`)
    }
  }
})

/** A JPEG of one block per row, with the interval of restarts that cameras use. */
async function restarts (): Promise<Buffer> {
  // sharp writes no restart markers, so an interval longer than the image is announced.
  return join(baseline.subarray(0, scanAt(baseline)), segment(0xdd, be16(65_535)), baseline.subarray(scanAt(baseline)))
}

t.test('damaged files of other formats with a plausible end are refused', async t => {
  const gif = await drawn.clone().gif().toBuffer()
  const png = await drawn.clone().png().toBuffer()
  const half = (bytes: Buffer) => bytes.subarray(0, Math.floor(bytes.length / 2))
  const hole = (bytes: Buffer) => patched(bytes, Math.floor(bytes.length / 2), Buffer.alloc(600))
  const cases: Array<[name: string, bytes: Buffer]> = [
    ['half a GIF with its trailer', join(half(gif), 0, 0x3b)],
    ['a GIF with a hole', hole(gif)],
    ['half a PNG with its last chunk', join(half(png), png.subarray(-12))],
    ['a PNG with a hole', hole(png)],
    ['a TIFF with a hole', hole(await drawn.clone().tiff({ compression: 'lzw' }).toBuffer())]
  ]
  for (const [name, bytes] of cases) {
    await t.rejects(prepare(await store(t.testdir(), 'a', bytes), SIZE), { code: 'CORRUPT_IMAGE' }, name)
  }
})
