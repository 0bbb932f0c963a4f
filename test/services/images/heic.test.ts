import { readdirSync } from 'node:fs'
import path from 'node:path'
import sharp from 'sharp'
import t, { type Test } from 'tap'
import { inspectImage } from '../../../services/images/inspect.ts'
import { join } from '../../../tools/lib/bytes.ts'
import { full } from '../../../tools/lib/iso-boxes.ts'
import { frameTables, movie } from '../../hostile/avif.ts'
import {
  codedHeic, colours, exif, fixture, gridOf, heic, hvc1, mirrored, SEQUENCE, turned
} from '../../hostile/heic-parts.ts'
import { LIMITS, near, pixel, prepare, store, type Colour } from './draw.ts'
import { alphaAt, colourAt, drawing, HEIGHT, WIDTH } from './heic-drawings.ts'

/** Mean and maximum error of a channel. The fixtures have quality 90, and their colours half of the resolution. */
const MEAN_ERROR = 2
const LARGEST_ERROR = 60

type Drawn = (x: number, y: number) => Colour

/** Prepares a file at its own size and compares each pixel. */
async function shows (
  t: Test, bytes: Buffer, drawn: Drawn, { width = WIDTH, height = HEIGHT, mean = MEAN_ERROR } = {}
): Promise<void> {
  const file = await store(t.testdir({}), 'a.heic', bytes)
  t.match(await inspectImage(file, LIMITS), { format: 'heic', width, height, orientation: 1 })
  const prepared = await prepare(file, { width, height })
  t.equal(path.basename(prepared.path), 'a_compressed.png')
  const { data, info } = await sharp(prepared.path).raw().toBuffer({ resolveWithObject: true })
  t.match(info, { width, height, channels: 3 })
  let [sum, largest] = [0, 0]
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (const [k, value] of drawn(x, y).entries()) {
        const error = Math.abs(data[3 * (y * width + x) + k]! - value)
        sum += error
        largest = Math.max(largest, error)
      }
    }
  }
  t.ok(sum / data.length <= mean, `a mean error of ${sum / data.length}`)
  t.ok(largest <= LARGEST_ERROR, `a largest error of ${largest}`)
  t.same(readdirSync(path.dirname(file.path)).sort(), ['a.heic', 'a_compressed.png'])
}

/** Prepares a file and returns the colour of a pixel. */
async function colourOf (t: Test, bytes: Buffer, x: number, y: number): Promise<Colour> {
  const file = await store(t.testdir({}), 'a.heic', bytes)
  return await pixel((await prepare(file, { width: WIDTH, height: HEIGHT })).path, x, y)
}

const plain = codedHeic('plain')

t.test('8 bits, 10 bits and colours in full resolution', async t => {
  for (const name of ['plain', 'ten-bits', 'full-chroma']) {
    await t.test(name, async t => await shows(t, fixture(name), colourAt))
  }
})

t.test('grey', async t => {
  const colour = await colourOf(t, fixture('grey'), 60, 50)
  const grey = await drawing().greyscale().raw().toBuffer()
  const value = grey[50 * WIDTH + 60]!
  t.ok(near(colour, [value, value, value], 3), `${colour}`)
})

t.test('transparency shows white, whether colours are multiplied by it or not', async t => {
  const onWhite: Drawn = (x, y) => colourAt(x, y).map(value => {
    return (value * alphaAt(x) + 255 * (255 - alphaAt(x))) / 255
  }) as Colour
  for (const name of ['alpha', 'premultiplied']) await t.test(name, async t => await shows(t, fixture(name), onWhite))
})

t.test('other colour spaces become sRGB', async t => {
  await t.test('Display P3, by an ICC profile', async t => await shows(t, fixture('p3-profile'), colourAt))

  const red = colourAt(5, 5)
  // Calculated from the matrices of the colour spaces.
  const reds: Array<[name: string, primaries: number, expected: Colour]> = [
    ['sRGB', 1, red], ['Display P3', 12, [240, 0, 21]], ['BT.2020', 9, [255, 0, 23]], ['unknown', 2, red]
  ]
  for (const [name, primaries, expected] of reds) {
    const colour = await colourOf(t, heic([hvc1(1, plain, colours(primaries, 13, 6))]), 5, 5)
    t.ok(near(colour, expected, 5), `${name} by codes: ${colour}`)
  }
  // A sample of 130 is 101 cd/m² in PQ, and 53 cd/m² in HLG.
  for (const [name, transfer, green] of [['PQ', 16, 157], ['HLG', 18, 126]] as Array<[string, number, number]>) {
    const colour = await colourOf(t, heic([hvc1(1, plain, colours(1, transfer, 6))]), 48, 32)
    t.ok(Math.abs(colour[1] - green) <= 6, `${name}: ${colour}`)
  }
})

/** The eight orientations: properties in the order in which they apply, and where each pixel comes from. */
const [RIGHT, BOTTOM] = [WIDTH - 1, HEIGHT - 1]
const ORIENTATIONS: Array<[properties: Buffer[], isTall: boolean, drawn: Drawn]> = [
  [[], false, (x, y) => colourAt(x, y)],
  [[mirrored(1)], false, (x, y) => colourAt(RIGHT - x, y)],
  [[turned(2)], false, (x, y) => colourAt(RIGHT - x, BOTTOM - y)],
  [[mirrored(0)], false, (x, y) => colourAt(x, BOTTOM - y)],
  [[turned(3), mirrored(1)], true, (x, y) => colourAt(y, x)],
  [[turned(3)], true, (x, y) => colourAt(y, BOTTOM - x)],
  [[turned(1), mirrored(1)], true, (x, y) => colourAt(RIGHT - y, BOTTOM - x)],
  [[turned(1)], true, (x, y) => colourAt(RIGHT - y, x)]
]

t.test('rotations and mirrors apply once, and the orientation in Exif does not', async t => {
  for (const [i, [properties, isTall, drawn]] of ORIENTATIONS.entries()) {
    const size = isTall ? { width: HEIGHT, height: WIDTH } : {}
    await t.test(`orientation ${i + 1}`, async t => {
      await shows(t, heic([hvc1(1, plain, ...properties)]), drawn, size)
      await shows(t, heic([hvc1(1, plain, ...properties), exif(2, i + 1, 1)]), drawn, size)
      await shows(t, heic([hvc1(1, plain, ...properties), exif(2, 6, 1)]), drawn, size)
    })
  }
})

t.test('a grid shows its tiles, and crops and rotates them together', async t => {
  const [left, right] = [codedHeic('small-tile'), codedHeic('right-tile')]
  const tiles = [hvc1(2, left), hvc1(3, right)]
  await shows(t, heic([gridOf(1, [1, 2], [WIDTH, HEIGHT], [2, 3]), ...tiles]), colourAt)
  const size = { width: HEIGHT, height: WIDTH }
  await shows(
    t, heic([gridOf(1, [1, 2], [WIDTH, HEIGHT], [2, 3], turned(3)), ...tiles]), (x, y) => colourAt(y, BOTTOM - x), size
  )
})

t.test('of a collection or a sequence, the primary image is shown', async t => {
  await shows(t, fixture('collection'), colourAt)
  const track = movie(plain.configuration, ...frameTables(3))
  await shows(t, join(heic([hvc1(1, plain)], { type: SEQUENCE }), track), colourAt)
})

t.test('a gain map is ignored', async t => {
  const type = full('auxC', 0, 'urn:com:apple:photo:2020:aux:hdrgainmap\0')
  const map = { ...hvc1(2, codedHeic('small-tile'), type), alphaOf: 1 }
  await shows(t, heic([hvc1(1, plain), map]), colourAt)
})
