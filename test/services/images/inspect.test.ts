import sharp from 'sharp'
import t from 'tap'
import { inspectImage } from '../../../services/images/inspect.ts'
import { avif, coded, type Item } from '../../hostile/avif.ts'
import { codedHeic, fixture, heic, hvc1 } from '../../hostile/heic-parts.ts'
import { LIMITS, noise, plain, pngOfClaimedSize, store } from './draw.ts'

const SVG = '<?xml version="1.0"?>\n<!-- a drawing -->\n<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'

function bmp (): Buffer {
  const bytes = Buffer.alloc(54 + 4)
  bytes.write('BM')
  bytes.writeUInt32LE(bytes.length, 2)
  bytes.writeUInt32LE(54, 10)
  bytes.writeUInt32LE(40, 14)
  bytes.writeInt32LE(1, 18)
  bytes.writeInt32LE(1, 22)
  bytes.writeUInt16LE(24, 28)
  return bytes
}

function container (...brands: string[]): Buffer {
  const [major, ...others] = brands
  const bytes = Buffer.alloc(16 + others.length * 4 + 200)
  bytes.writeUInt32BE(16 + others.length * 4)
  bytes.write(`ftyp${major}\0\0\0\0${others.join('')}`, 4, 'latin1')
  return bytes
}

t.test('reads the header of every accepted format', async t => {
  const dir = t.testdir()
  const drawn = {
    jpeg: plain(60, 40).jpeg(),
    png: plain(60, 40).png(),
    webp: plain(60, 40).webp(),
    avif: plain(60, 40).avif({ effort: 0 }),
    gif: noise(60, 40).gif(),
    tiff: plain(60, 40).tiff()
  }
  for (const [format, image] of Object.entries(drawn)) {
    // The extension is wrong on purpose: only the bytes count.
    const file = await store(dir, `${format}.txt`, await image.toBuffer())
    t.match(await inspectImage(file, LIMITS), {
      format,
      width: 60,
      height: 40,
      orientation: 1,
      pages: 1,
      bits: 8,
      channels: 3,
      space: 'srgb',
      hasAlpha: false,
      hasProfile: false
    }, format)
  }
})

t.test('applies the orientation to width and height', async t => {
  const file = await store(t.testdir(), 'a.jpg', await plain(60, 40).withMetadata({ orientation: 6 }).jpeg().toBuffer())
  t.match(await inspectImage(file, LIMITS), { width: 40, height: 60, orientation: 6 })
})

t.test('reads depth, palette, alpha, profile and frames', async t => {
  const dir = t.testdir()
  const header = async (name: string, bytes: Buffer) => await inspectImage(await store(dir, name, bytes), LIMITS)
  t.match(await header('16', await plain(30, 30).toColourspace('rgb16').png().toBuffer()), { bits: 16, space: 'rgb16' })
  t.match(await header('palette', await noise(30, 30).png({ palette: true, colours: 8 }).toBuffer()), {
    palette: true, bits: 4
  })
  t.match(await header('alpha', await plain(30, 30).ensureAlpha(0.5).png().toBuffer()), { hasAlpha: true, channels: 4 })
  t.match(await header('p3', await plain(30, 30).withIccProfile('p3').png().toBuffer()), { hasProfile: true })
  t.match(await header('cmyk', await plain(30, 30).toColourspace('cmyk').jpeg().toBuffer()), {
    space: 'cmyk', channels: 4
  })
  t.match(await header('grey', await plain(30, 30).toColourspace('b-w').jpeg().toBuffer()), {
    space: 'b-w', channels: 1
  })
  const frames =
    await Promise.all(['#ff0000', '#0000ff'].map(async colour => await plain(30, 30, colour).png().toBuffer()))
  const animated = sharp(frames, { join: { animated: true } })
  t.match(await header('gif', await animated.clone().gif().toBuffer()), { pages: 2, width: 30, height: 30 })
  t.match(await header('webp', await animated.clone().webp().toBuffer()), { pages: 2, width: 30, height: 30 })
})

t.test('refuses other content and names its kind', async t => {
  const dir = t.testdir()
  const other = 'send JPEG, PNG, WebP, AVIF, HEIC, GIF or TIFF'
  const cases: Array<[seems: string, bytes: Buffer]> = [
    ['a text file', Buffer.from('not an image at all, despite its name: äöü')],
    ['a text file', Buffer.from('BMW is a make of cars and no bitmap')],
    ['an SVG drawing', Buffer.from(SVG)],
    ['an SVG drawing', Buffer.from('\ufeff  <svg:svg xmlns:svg="x">')],
    ['an HTML page', Buffer.from('<!doctype html><svg></svg>')],
    ['a PDF document', Buffer.from('%PDF-1.7\n%\xe2\xe3', 'latin1')],
    ['a BMP image', bmp()],
    ['a video', container('isom', 'iso2', 'mp41')],
    ['a JPEG XL image', Buffer.from('\xff\x0a\x00\x01', 'latin1')],
    ['a ZIP archive or an office document', Buffer.from('PK\x03\x04\x14\0', 'latin1')],
    ['a sound or a video', Buffer.from('RIFF\0\0\0\0WAVEfmt ', 'latin1')],
    ['not an image', Buffer.from([0, 1, 2, 3])],
    ['not an image', Buffer.from([0x80, 0x81, 0xfe])]
  ]
  for (const [seems, bytes] of cases) {
    const file = await store(dir, 'a.jpg', bytes)
    const advice = /a text|HTML|video|ZIP|not an/.test(seems) ? other : 'convert it to JPEG or PNG'
    await t.rejects(inspectImage(file, LIMITS), {
      code: 'UNSUPPORTED_IMAGE',
      statusCode: 415,
      message: `images[0] ("a.jpg") is ${seems}; ${advice}`
    }, seems)
  }
})

t.test('refuses an empty file', async t => {
  await t.rejects(inspectImage(await store(t.testdir(), 'a.png', Buffer.alloc(0)), LIMITS), {
    code: 'EMPTY_FILE', statusCode: 422
  })
})

t.test('refuses a header that claims too many pixels, before decoding anything', async t => {
  const file = await store(t.testdir(), 'bomb.png', pngOfClaimedSize(60_000, 60_000))
  await t.rejects(inspectImage(file, LIMITS), {
    code: 'IMAGE_TOO_MANY_PIXELS',
    statusCode: 422,
    message: 'images[0] ("bomb.png") has 60000 x 60000 pixels; the limit is 100000000 pixels',
    details: { width: 60_000, height: 60_000, max_pixels: 100_000_000 }
  })
})

t.test('refuses an image whose longer side is more than 200 times the shorter', async t => {
  const dir = t.testdir()
  await t.rejects(inspectImage(await store(dir, 'a.png', await plain(402, 2).png().toBuffer()), LIMITS), {
    code: 'IMAGE_TOO_NARROW'
  })
  await t.rejects(inspectImage(await store(dir, 'b.png', await plain(1, 201).png().toBuffer()), LIMITS), {
    code: 'IMAGE_TOO_NARROW'
  })
  t.match(await inspectImage(await store(dir, 'c.png', await plain(400, 2).png().toBuffer()), LIMITS), { width: 400 })
})

t.test('refuses an unreadable header without revealing the path of the file', async t => {
  const dir = t.testdir()
  const formats = {
    jpeg: plain(60, 40).jpeg(),
    png: plain(60, 40).png(),
    webp: plain(60, 40).webp(),
    avif: plain(60, 40).avif({ effort: 0 }),
    gif: plain(60, 40).gif(),
    heic: { toBuffer: async () => fixture('plain') },
    tiff: plain(60, 40).tiff()
  }
  for (const [format, image] of Object.entries(formats)) {
    const file = await store(dir, 'a', (await image.toBuffer()).subarray(0, 24))
    const error = await inspectImage(file, LIMITS).catch(error => error)
    t.match(error, { code: 'CORRUPT_IMAGE', statusCode: 422 }, format)
    t.notMatch(error.message, dir)
  }
})

t.test('refuses a container that names one codec and contains another', async t => {
  const hevc = hvc1(1, codedHeic('plain'))
  const av1 = await coded(64, 64)
  const item: Item = { id: 1, type: 'av01', data: av1.data, properties: [av1.configuration, av1.depth, av1.size] }
  for (const [format, bytes] of [['AVIF', avif([hevc])], ['HEIC', heic([item])]] as Array<[string, Buffer]>) {
    await t.rejects(inspectImage(await store(t.testdir(), 'a', bytes), LIMITS), { code: 'CORRUPT_IMAGE' }, format)
  }
})
