import sharp from 'sharp'
import t from 'tap'
import { image } from '../../hostile/tiff.ts'
import { pixel, plain, prepare, store, type Colour } from './draw.ts'

const WIDTH = 64
const HEIGHT = 32
const SIZE = { width: 64, height: 32 }
const FLOAT = 3
const SIGNED = 2

interface Samples { bits: number, format?: number, samples?: number, photometric?: number }

/** Writes a TIFF whose samples grow from left to right. */
function ramp (
  { bits, format = 1, samples = 1, photometric = samples === 1 ? 1 : 2 }: Samples, from: number, to: number
): Buffer {
  const data = Buffer.alloc(WIDTH * HEIGHT * samples * bits / 8)
  for (let i = 0; i < WIDTH * HEIGHT * samples; i++) {
    const value = from + (to - from) * (Math.floor(i / samples) % WIDTH) / (WIDTH - 1)
    const at = i * bits / 8
    if (format === FLOAT) data.writeFloatLE(value, at)
    else if (format === SIGNED) data.writeIntLE(Math.round(value), at, bits / 8)
    else data.writeUIntLE(Math.round(value), at, bits / 8)
  }
  return image({ width: WIDTH, height: HEIGHT, bits, format, samples, photometric }, data)
}

/** A PNG of 16 bits. */
async function depthMap (from: number, to: number): Promise<Buffer> {
  const tiff = await store(t.testdir(), 'a.tif', ramp({ bits: 16 }, from, to))
  return await sharp(tiff.path).toColourspace('grey16').png().toBuffer()
}

t.test('measurements are stretched by their own range', async t => {
  const cases: Array<[what: string, bytes: Buffer]> = [
    ['float of 0 to 1 (scikit-image, ImageJ)', ramp({ bits: 32, format: FLOAT }, 0, 1)],
    ['float of 0 to 0.004 (fluorescence)', ramp({ bits: 32, format: FLOAT }, 0, 0.004)],
    ['float of -40 to 120 (thermal cameras, in degrees)', ramp({ bits: 32, format: FLOAT }, -40, 120)],
    ['float of 300 to 4000 (elevation, in metres)', ramp({ bits: 32, format: FLOAT }, 300, 4000)],
    ['12 bits in 16 (microscopes)', ramp({ bits: 16 }, 0, 4095)],
    ['14 bits in 16 (thermal cameras)', ramp({ bits: 16 }, 7000, 9000)],
    ['12 bits in 16, where 0 is white (X-ray)', ramp({ bits: 16, photometric: 0 }, 4095, 0)],
    ['12 bits in 16, three colours', ramp({ bits: 16, samples: 3 }, 0, 4095)],
    ['int16 around 0 (computed tomography)', ramp({ bits: 16, format: SIGNED }, -1000, 1000)],
    ['int16 above 0', ramp({ bits: 16, format: SIGNED }, 0, 500)],
    ['int16, three colours', ramp({ bits: 16, format: SIGNED, samples: 3 }, -1000, 1000)],
    ['int8', ramp({ bits: 8, format: SIGNED }, -100, 100)],
    ['int32', ramp({ bits: 32, format: SIGNED }, -50_000, 50_000)],
    ['uint32 (labels, counts)', ramp({ bits: 32 }, 0, 100_000)],
    ['float of 0 to 255, three colours', ramp({ bits: 32, format: FLOAT, samples: 3 }, 0, 255)],
    ['depth in millimetres as PNG (depth cameras)', await depthMap(400, 5000)]
  ]
  for (const [what, bytes] of cases) {
    for (const name of ['a.tif', 'scaled.tif']) {
      const size = name === 'a.tif' ? SIZE : { width: 128, height: 64 }
      const prepared = await prepare(await store(t.testdir(), name, bytes), size)
      const metadata = await sharp(prepared.path).metadata()
      t.match(metadata, { ...size, format: 'png', space: 'srgb', channels: 3, depth: 'uchar' })
      const columns = [0, 0.5, 0.99].map(at => Math.floor(at * size.width))
      const seen = await Promise.all(columns.map(async at => await pixel(prepared.path, at, 9)))
      const [dark, middle, light] = seen as [Colour, Colour, Colour]
      t.ok(dark[0] < 20 && middle[0] > 105 && middle[0] < 150 && light[0] > 235, `${what}: ${seen.join(' | ')}`)
      t.equal(new Set(middle).size, 1, 'it is grey')
    }
  }
})

t.test('photos and light of 16 and 32 bits keep their brightness', async t => {
  const dark = plain(WIDTH, HEIGHT, '#1e1e1e').toColourspace('rgb16')
  const cases: Array<[what: string, bytes: Buffer, red: number]> = [
    ['16 bits', await plain(WIDTH, HEIGHT, '#777777').toColourspace('grey16').tiff().toBuffer(), 119],
    ['a dark area of 16 bits', await dark.clone().png().toBuffer(), 30],
    ['a dark photo with a profile', await dark.clone().withIccProfile('srgb').png().toBuffer(), 30],
    ['a full range', ramp({ bits: 16 }, 65_535, 0), 247],
    ['linear light', ramp({ bits: 32, format: FLOAT, samples: 3 }, 0.2140, 0.2141), 127],
    ['no light', ramp({ bits: 32, format: FLOAT }, 0, 0), 0],
    ['one value', ramp({ bits: 32, format: FLOAT }, 7, 7), 128]
  ]
  for (const [what, bytes, red] of cases) {
    const prepared = await prepare(await store(t.testdir(), 'a', bytes), SIZE)
    const [seen] = await pixel(prepared.path, 2, 9)
    t.ok(Math.abs(seen - red) <= 3, `${what}: ${seen}`)
  }
})

t.test('missing measurements are black and do not count', async t => {
  for (const missing of [NaN, Infinity, -3.4028234663852886e38]) {
    const data = Buffer.alloc(WIDTH * HEIGHT * 4)
    for (let i = 0; i < WIDTH * HEIGHT; i++) data.writeFloatLE(i % WIDTH < 32 ? missing : i % WIDTH, i * 4)
    const file = await store(t.testdir(), 'a.tif', image({
      width: WIDTH, height: HEIGHT, bits: 32, format: FLOAT, samples: 1, photometric: 1
    }, data))
    const { path } = await prepare(file, SIZE)
    t.equal((await pixel(path, 2, 9))[0], 0, String(missing))
    t.equal((await pixel(path, 63, 9))[0], 255, String(missing))
  }
})

/** Writes samples of one channel; `valueAt` gets the column and the row. */
function grid (
  { bits, format = 1 }: Samples, [width, height]: [number, number], valueAt: (x: number, y: number) => number,
  nodata?: string
): Buffer {
  const data = Buffer.alloc(width * height * bits / 8)
  for (let i = 0; i < width * height; i++) {
    const value = valueAt(i % width, Math.floor(i / width))
    if (format === FLOAT) data.writeFloatLE(value, i * 4)
    else if (format === SIGNED) data.writeIntLE(value, i * bits / 8, bits / 8)
    else data.writeUIntLE(value, i * bits / 8, bits / 8)
  }
  const entries = nodata === undefined ? [] : [[42113, 2, Buffer.from(`${nodata}\0`)] as [number, number, Buffer]]
  return image({ width, height, bits, format, samples: 1, photometric: 1 }, data, entries)
}

async function bytesOf (path: string): Promise<Buffer> {
  return await sharp(path).toColourspace('b-w').raw().toBuffer()
}

t.test('a missing sample darkens no others when the image is resized', async t => {
  for (const missing of [NaN, Infinity, -Infinity, -3.4028234663852886e38]) {
    const bytes = grid({ bits: 32, format: FLOAT }, [120, 120], (x, y) => (x + y * 120) % 50 === 0 ? missing : 100 + x)
    const { path } = await prepare(await store(t.testdir(), 'a.tif', bytes), { width: 112, height: 112 })
    const seen = await bytesOf(path)
    const black = seen.filter((value, i) => i % 112 > 40 && value < 10).length
    t.ok(black < seen.length * 0.03, `${missing}: ${black} of ${seen.length}`)
    t.ok(seen[111]! > 235 || seen[111 + 112]! > 235, 'the largest value is white')
  }
})

t.test('an image whose samples are all missing is refused', async t => {
  const cases = [
    grid({ bits: 32, format: FLOAT }, [64, 32], () => NaN),
    grid({ bits: 32, format: FLOAT }, [64, 32], () => -9999, '-9999'),
    grid({ bits: 16, format: SIGNED }, [64, 32], () => -32768, '-32768')
  ]
  for (const bytes of cases) {
    const file = await store(t.testdir(), 'a.tif', bytes)
    await t.rejects(prepare(file, SIZE), { code: 'CORRUPT_IMAGE', message: /all its samples are missing/ })
  }
})

t.test('the value that GDAL_NODATA names is missing', async t => {
  const cases: Array<[what: string, bytes: Buffer]> = [
    ['float', grid({ bits: 32, format: FLOAT }, [64, 32], (x, y) => y < 16 ? -9999 : 300 + x, '-9999')],
    ['a fraction', grid({ bits: 32, format: FLOAT }, [64, 32], (x, y) => y < 16 ? -99.9 : x, '-99.9')],
    ['int16', grid({ bits: 16, format: SIGNED }, [64, 32], (x, y) => y < 16 ? -32768 : x, '-32768')],
    ['uint16', grid({ bits: 16 }, [64, 32], (x, y) => y < 16 ? 65535 : 1000 + x, '65535')],
    ['uint32', grid({ bits: 32 }, [64, 32], (x, y) => y < 16 ? 4294967295 : x, '4294967295')]
  ]
  for (const [what, bytes] of cases) {
    const { path } = await prepare(await store(t.testdir(), 'a.tif', bytes), SIZE)
    const [missing, dark, middle, light] = await Promise.all(
      ([[40, 4], [0, 25], [32, 25], [63, 25]] as const).map(async ([x, y]) => (await pixel(path, x, y))[0]))
    t.equal(missing, 0, what)
    t.ok(dark! < 10 && middle! > 110 && middle! < 145 && light! > 245, `${what}: ${dark} ${middle} ${light}`)
  }
})

t.test('hot pixels do not darken the rest', async t => {
  const isHot = (x: number, y: number) => x === 30 && y === 50
  const cases: Array<[what: string, bytes: Buffer]> = [
    ['12 bits', grid({ bits: 16 }, [120, 120], (x, y) => isHot(x, y) ? 65535 : Math.round(4095 * x / 119))],
    ['a dead and a hot pixel', grid({ bits: 32, format: FLOAT }, [120, 120], (x, y) =>
      isHot(x, y) ? 1e6 : x === 90 && y === 3 ? -1e6 : x)]
  ]
  for (const [what, bytes] of cases) {
    const { path } = await prepare(await store(t.testdir(), 'a.tif', bytes), { width: 112, height: 112 })
    const seen = await bytesOf(path)
    const row = seen.subarray(10 * 112, 11 * 112)
    t.ok(row[0]! < 10 && Math.abs(row[56]! - 128) < 10 && row[111]! > 245, `${what}: ${row[0]} ${row[56]} ${row[111]}`)
  }
})

t.test('a small bright object on an even background stays visible', async t => {
  const bytes = grid({ bits: 32, format: FLOAT }, [120, 120], (x, y) => x === 60 && y === 60 ? 1000 : 7)
  const { path } = await prepare(await store(t.testdir(), 'a.tif', bytes), { width: 112, height: 112 })
  const seen = await bytesOf(path)
  t.ok(seen[0]! < 10)
  t.ok(Math.max(...seen) > 150)
})

t.test('missing samples of linear light keep the brightness of the others', async t => {
  const data = Buffer.alloc(WIDTH * HEIGHT * 12)
  for (let i = 0; i < WIDTH * HEIGHT * 3; i++) data.writeFloatLE(i % 300 < 3 ? NaN : 0.214, i * 4)
  const bytes = image({ width: WIDTH, height: HEIGHT, bits: 32, format: FLOAT }, data)
  const { path } = await prepare(await store(t.testdir(), 'a.tif', bytes), SIZE)
  t.equal((await pixel(path, 30, 9))[0], 127)
})

t.test('a channel that is neither a colour nor alpha is not shown', async t => {
  const UNASSOCIATED = 2
  for (const [bits, samples] of [[8, 4], [16, 4], [8, 2], [32, 2]] as const) {
    const data = Buffer.alloc(WIDTH * HEIGHT * samples * bits / 8)
    for (let i = 0; i < WIDTH * HEIGHT * samples; i++) {
      const x = Math.floor(i / samples) % WIDTH
      const part = i % samples === samples - 1 ? 0 : x / (WIDTH - 1)
      if (bits === 32) data.writeFloatLE(part, i * 4)
      else data.writeUIntLE(Math.floor(part * (2 ** bits - 1)), i * bits / 8, bits / 8)
    }
    for (const extra of [undefined, 0, UNASSOCIATED]) {
      const tags = extra === undefined ? [] : [[338, 3, [extra]] as [number, number, number[]]]
      const shape = { width: WIDTH, height: HEIGHT, bits, samples, format: bits === 32 ? FLOAT : 1 }
      const bytes = image({ ...shape, photometric: samples === 2 ? 1 : 2 }, data, tags)
      const { path } = await prepare(await store(t.testdir(), 'a.tif', bytes), { width: 128, height: 64 })
      const [seen] = await pixel(path, 64, 9)
      if (extra === UNASSOCIATED) t.equal(seen, bits === 32 ? 0 : 255, 'alpha of 0 hides the colours')
      else t.ok(Math.abs(seen - 128) < 8, `${bits} bits, ${samples} samples, ${extra}: ${seen}`)
    }
  }
})
