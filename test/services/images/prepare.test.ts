import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import sharp, { type Sharp } from 'sharp'
import t from 'tap'
import { inspectImage } from '../../../services/images/inspect.ts'
import { fit } from '../../../services/images/plan.ts'
import { prepareImage } from '../../../services/images/prepare.ts'
import { LIMITS, near, noise, pixel, plain, prepare, store, type Colour } from './draw.ts'

const BOUNDS = { multiple: 28, minTokens: 4, maxTokens: 4096, maxSide: 1024, maxPixels: 1_003_520 }
/** The types of sharp 0.35.5 lack this method. */
type GainMapSharp = Sharp & { withGainMap (gainMap: Buffer): Sharp }

const SIZE = { width: 56, height: 28 }
/** The default colour of `plain`. */
const RED: Colour = [200, 60, 40]

/** Draws four quarters: red and green at the top, blue and white at the bottom. */
function quarters (width: number, height: number): Sharp {
  const quarter = (background: string, left: number, top: number) => ({
    input: { create: { width: width / 2, height: height / 2, channels: 3 as const, background } }, left, top
  })
  return plain(width, height, '#ffffff').composite([
    quarter('#ff0000', 0, 0), quarter('#00ff00', width / 2, 0), quarter('#0000ff', 0, height / 2)
  ])
}

async function animation (): Promise<Sharp> {
  const frames = await Promise.all(
    ['#c83c28', '#0000ff', '#00ff00'].map(async colour => await plain(64, 64, colour).png().toBuffer())
  )
  return sharp(frames, { join: { animated: true } })
}

t.test('uses an image unchanged if it already has the required form', async t => {
  const formats: Array<[name: string, bytes: Buffer]> = [
    ['a.png', await noise(56, 28).png().toBuffer()],
    ['a.jpg', await noise(56, 28).jpeg().toBuffer()],
    ['a.webp', await noise(56, 28).webp().toBuffer()],
    ['a.avif', await noise(56, 28).avif({ effort: 0 }).toBuffer()],
    ['a.tiff', await noise(56, 28).tiff().toBuffer()]
  ]
  for (const [name, bytes] of formats) {
    const dir = t.testdir()
    const file = await store(dir, name, bytes)
    t.same(await prepare(file, SIZE), { path: file.path, ...SIZE, compressed: false }, name)
    t.same(await readFile(file.path), bytes)
    t.same(await readdir(dir), [name])
  }
})

t.test('converts other images to an opaque 8-bit sRGB PNG of the planned size, next to the original', async t => {
  const animated = await animation()
  const clear =
    { create: { width: 56, height: 28, channels: 4 as const, background: { r: 200, g: 60, b: 40, alpha: 0.5 } } }
  const halfRedOverWhite: Colour = [227, 157, 147]
  const cases: Array<[name: string, image: Sharp, expected: Colour, tolerance?: number]> = [
    ['another size', plain(300, 200).png(), RED],
    ['transparent PNG', sharp(clear).png(), halfRedOverWhite],
    ['transparent WebP', sharp(clear).webp({ lossless: true }), halfRedOverWhite],
    [
      'transparent grey PNG',
      sharp({ create: { ...clear.create, background: { r: 0, g: 0, b: 0, alpha: 0.5 } } }).toColourspace('b-w').png(),
      [127, 127, 127]
    ],
    ['16-bit PNG', plain(56, 28).toColourspace('rgb16').png(), RED],
    ['16-bit grey PNG', plain(56, 28, '#777777').toColourspace('grey16').png(), [119, 119, 119]],
    ['grey JPEG', plain(56, 28, '#777777').toColourspace('b-w').jpeg(), [119, 119, 119]],
    // The tolerance is large because this red is at the edge of the CMYK gamut.
    ['CMYK JPEG', plain(56, 28).toColourspace('cmyk').jpeg({ quality: 95 }), RED, 30],
    ['palette PNG', plain(56, 28).png({ palette: true, colours: 4 }), RED],
    ['1-bit TIFF', plain(56, 28, '#ffffff').toColourspace('b-w').tiff({ bitdepth: 1 }), [255, 255, 255]],
    ['GIF', plain(56, 28).gif(), RED],
    ['animated GIF', animated.clone().gif(), RED],
    ['animated WebP', animated.clone().webp({ lossless: true }), RED],
    ['10-bit AVIF', plain(56, 28).avif({ effort: 0, quality: 90, bitdepth: 10 }), RED, 4],
    ['Display P3 PNG', plain(56, 28).withIccProfile('p3').png(), RED],
    ['Display P3 JPEG', plain(56, 28).withIccProfile('p3').jpeg({ quality: 95 }), RED, 4],
    ['16-bit Display P3 PNG', plain(56, 28).toColourspace('rgb16').withIccProfile('p3').png(), RED],
    ['16-bit PNG with an sRGB profile', plain(56, 28).toColourspace('rgb16').withIccProfile('srgb').png(), RED],
    [
      '10-bit Display P3 AVIF', plain(56, 28).withIccProfile('p3').avif({ effort: 0, quality: 90, bitdepth: 10 }), RED,
      4
    ]
  ]
  for (const [name, image, expected, tolerance] of cases) {
    const dir = t.testdir()
    const file = await store(dir, 'a.x', await image.toBuffer())
    const prepared = await prepare(file, SIZE)
    t.same(prepared, { path: path.join(dir, 'a_compressed.png'), ...SIZE, compressed: true }, name)
    t.match(await sharp(prepared.path).metadata(), {
      format: 'png', ...SIZE, space: 'srgb', depth: 'uchar', channels: 3, hasAlpha: false, hasProfile: false
    }, name)
    const colour = await pixel(prepared.path, 20, 10)
    t.ok(near(colour, expected, tolerance), `${name}: ${colour} is ${expected}`)
  }
})

t.test('a wide-gamut image has other numbers than sRGB, so the test above can fail', async t => {
  const file = await store(t.testdir(), 'p3.png', await plain(56, 28).withIccProfile('p3').png().toBuffer())
  t.notOk(near(await pixel(file.path, 20, 10), RED, 8))
})

t.test('applies every EXIF orientation', async t => {
  const r: Colour = [255, 0, 0]
  const g: Colour = [0, 255, 0]
  const b: Colour = [0, 0, 255]
  const w: Colour = [255, 255, 255]
  // Colours of the corners after the rotation: top left, top right, bottom left, bottom right.
  const upright =
    [[r, g, b, w], [g, r, w, b], [w, b, g, r], [b, w, r, g], [r, b, g, w], [b, r, w, g], [w, g, b, r], [g, w, r, b]]
  for (const [i, corners] of upright.entries()) {
    const orientation = i + 1
    const file =
      await store(t.testdir(), 'a.png', await quarters(320, 160).withMetadata({ orientation }).png().toBuffer())
    const header = await inspectImage(file, LIMITS)
    const turned = orientation >= 5
    t.match(header, turned ? { width: 160, height: 320, orientation } : { width: 320, height: 160, orientation })
    const target = fit(header.width, header.height, BOUNDS)
    const prepared = await prepareImage(file, header, target)
    const { width, height } = prepared
    t.equal(width < height, turned)
    const places: Array<[number, number]> = [[3, 3], [width - 4, 3], [3, height - 4], [width - 4, height - 4]]
    const seen = await Promise.all(places.map(async ([x, y]) => await pixel(prepared.path, x, y)))
    t.ok(seen.every((colour, k) => near(colour, corners[k]!)), `orientation ${orientation}: ${seen.join(' ')}`)
  }
})

t.test('rotates an image that already has the planned size', async t => {
  const bytes = await quarters(56, 112)
    .withMetadata({ orientation: 6 })
    .jpeg({ quality: 95, chromaSubsampling: '4:4:4' })
    .toBuffer()
  const prepared = await prepare(await store(t.testdir(), 'a.jpg', bytes), { width: 112, height: 56 })
  t.equal(prepared.compressed, true)
  t.ok(near(await pixel(prepared.path, 3, 3), [0, 0, 255], 12), 'the bottom left corner is now at the top left')
  t.ok(near(await pixel(prepared.path, 108, 3), [255, 0, 0], 12), 'the top left corner is now at the top right')
})

t.test('scales an image of 24 million pixels down to the bounds', async t => {
  const file = await store(t.testdir(), 'a.jpg', await plain(6000, 4000).jpeg().toBuffer())
  const prepared = await prepare(file, fit(6000, 4000, BOUNDS))
  t.match(await sharp(prepared.path).metadata(), { width: 1008, height: 672 })
})

t.test('enlarges a small image', async t => {
  const file = await store(t.testdir(), 'a.png', await plain(3, 3).png().toBuffer())
  const prepared = await prepare(file, fit(3, 3, BOUNDS))
  t.match(prepared, { width: 56, height: 56, compressed: true })
  t.ok(near(await pixel(prepared.path, 50, 50), RED))
})

t.test('drops EXIF, GPS and XMP', async t => {
  const bytes = await plain(300, 200).withExif({
    IFD0: { Artist: 'Somebody' },
    IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '51/1 30/1 3230/100' }
  }).withXmp('<x:xmpmeta xmlns:x="adobe:ns:meta/"/>').jpeg().toBuffer()
  t.ok(bytes.includes('Somebody'))
  const prepared = await prepare(await store(t.testdir(), 'a.jpg', bytes), SIZE)
  const metadata = await sharp(prepared.path).metadata()
  t.same([metadata.exif, metadata.xmp, metadata.iptc], [undefined, undefined, undefined])
  t.notOk((await readFile(prepared.path)).includes('Somebody'))
})

t.test('uses the base image of an Ultra HDR JPEG', async t => {
  const base = await plain(320, 160).jpeg().toBuffer()
  const gainMap = await plain(80, 40, '#808080').toColourspace('b-w').jpeg().toBuffer()
  const bytes = await (sharp(base) as GainMapSharp).withGainMap(gainMap).jpeg({ quality: 95 }).toBuffer()
  t.ok((await sharp(bytes).metadata()).gainMap, 'the file is an Ultra HDR JPEG')
  const prepared = await prepare(await store(t.testdir(), 'a.jpg', bytes), SIZE)
  t.equal((await sharp(prepared.path).metadata()).channels, 3)
})

t.test('refuses a truncated image, converted or unchanged, and leaves no file', async t => {
  const formats: Array<[name: string, image: Sharp]> = [
    ['a.jpg', noise(280, 196).jpeg()],
    ['progressive.jpg', noise(280, 196).jpeg({ progressive: true })],
    ['a.png', noise(280, 196).png()],
    ['a.webp', noise(280, 196).webp()],
    ['lossless.webp', noise(280, 196).webp({ lossless: true })],
    ['a.gif', noise(280, 196).gif()],
    ['a.avif', noise(280, 196).avif({ effort: 0 })],
    ['a.tiff', noise(280, 196).tiff({ compression: 'lzw' })]
  ]
  for (const [name, image] of formats) {
    const bytes = await image.toBuffer()
    for (const part of [0.3, 0.7, 0.97]) {
      for (const target of [{ width: 280, height: 196 }, SIZE]) {
        const dir = t.testdir()
        const file = await store(dir, name, bytes.subarray(0, Math.floor(bytes.length * part)))
        await t.rejects(prepare(file, target), { code: 'CORRUPT_IMAGE', statusCode: 422 }, `${name} at ${part}`)
        t.same(await readdir(dir), [name])
      }
    }
  }
})

t.test('accepts stray bytes in a JPEG, as viewers do', async t => {
  const jpeg = await noise(280, 196).jpeg().toBuffer()
  const scan = jpeg.indexOf(Buffer.from([0xff, 0xda]))
  const stray =
    Buffer.concat([jpeg.subarray(0, scan), Buffer.from([0x11, 0x22]), jpeg.subarray(scan), Buffer.alloc(100, 7)])
  t.match(await prepare(await store(t.testdir(), 'a.jpg', stray), SIZE), { compressed: true })
})

t.test('does not start after an abort, and leaves no output after an abort during the work', async t => {
  const dir = t.testdir()
  const file = await store(dir, 'a.png', await noise(900, 900).png().toBuffer())
  const reason = new Error('the client left')
  await t.rejects(prepare(file, SIZE, AbortSignal.abort(reason)), reason)

  const header = await inspectImage(file, LIMITS)
  const controller = new AbortController()
  const running = prepareImage(file, header, SIZE, controller.signal)
  setImmediate(() => controller.abort(reason))
  await t.rejects(running, reason)
  t.same(await readdir(dir), ['a.png'])
})

t.test('reports STORAGE if the copy cannot be written', async t => {
  const dir = t.testdir({ 'a_compressed.png': { 'in the way': '' } })
  const file = await store(dir, 'a.png', await noise(90, 90).png().toBuffer())
  await t.rejects(prepare(file, SIZE), {
    code: 'STORAGE', statusCode: 507, message: 'The upload could not be stored: EISDIR'
  })
})
