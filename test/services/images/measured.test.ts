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
