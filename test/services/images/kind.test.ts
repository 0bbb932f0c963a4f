import t from 'tap'
import { be16, be32, join, le16, le32 } from '../../../tools/lib/bytes.ts'
import { image, tiff } from '../../hostile/tiff.ts'
import { inspectImage } from '../../../services/images/inspect.ts'
import { LIMITS, store } from './draw.ts'

const rest = Buffer.alloc(300, 1)
const at = (offset: number, magic: string) => join(Buffer.alloc(offset), magic, rest)
const container = (brand: string) => join(be32(24), 'ftyp', brand, be32(1), brand, 'isom', rest)
const tga = (palette: number, type: number, bits: number) => join(
  0, palette, type, palette ? join(le16(0, 256), 24) : Buffer.alloc(5), le16(0, 0, 40, 30), bits, 0, rest
)

const SIZE = { width: 40, height: 30 }
const pixels = Buffer.alloc(40 * 30 * 24)
const [LONG, ASCII] = [4, 2]
const SUBFILE = 254
const MAKE = 271
const SUB_DIRECTORIES = 330

/** A small preview, as raw photos have in their first directory. */
const preview = (make: string, ...entries: Parameters<typeof tiff>[0]) => image(SIZE, pixels, [
  [SUBFILE, LONG, [1]], [MAKE, ASCII, Buffer.from(`${make}\0`)], [SUB_DIRECTORIES, LONG, [8]], ...entries
])

t.test('images that are not accepted are named, with the advice to convert them', async t => {
  const cases: Array<[seems: string, bytes: Buffer]> = [
    ['a TGA image', tga(0, 2, 24)],
    ['a TGA image', tga(0, 10, 32)],
    ['a TGA image', tga(1, 1, 8)],
    ['a TGA image', tga(0, 3, 8)],
    ['a PPM, PGM or PBM image', join('P6\n40 30\n255\n', rest)],
    ['a PPM, PGM or PBM image', join('P5 # a comment\n40 30 255\n', rest)],
    ['a PPM, PGM or PBM image', join('P2\n#made by hand\n2 2 9\n1 2 3 4')],
    ['a PPM, PGM or PBM image', join('P7\nWIDTH 4\n', rest)],
    ['a PFM image', join('PF\n40 30\n-1.0\n', rest)],
    ['a DDS texture', join('DDS ', le32(124), rest)],
    ['an OpenEXR image', join(0x76, 0x2f, 0x31, 1, rest)],
    ['a Radiance HDR image', join('#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n', rest)],
    ['a DICOM file', at(128, 'DICM')],
    ['a NIfTI volume', at(344, 'n+1\0')],
    ['a FITS file', join('SIMPLE  =                    T', rest)],
    ['a JPEG 2000 image', join(be32(12), 'jP  \r\n\x87\n', rest)],
    ['a JPEG 2000 image', join(0xff, 0x4f, 0xff, 0x51, rest)],
    ['a JPEG XL image', join(0xff, 0x0a, rest)],
    ['a JPEG XL image', join(be32(12), 'JXL \r\n\x87\n', rest)],
    ['a JPEG XR image', join('II\xbc\x01', rest)],
    ['a JPEG-LS image', join(0xff, 0xd8, 0xff, 0xf7, rest)],
    ['a Photoshop document', join('8BPS', be16(1), rest)],
    ['an icon', join(le16(0, 1, 1), 16, 16, rest)],
    ['a QOI image', join('qoif', rest)],
    ['a PostScript document', join('%!PS-Adobe-3.0\n', rest)],
    ['a raw photo (Canon)', container('crx ')],
    ['a raw photo (Canon)', join('II*\0', le32(16), 'CR\x02\0', le32(0), le16(0), le32(0), rest)],
    ['a raw photo (Fujifilm)', join('FUJIFILMCCD-RAW 0201', rest)],
    ['a raw photo (Olympus)', join('IIRO', rest)],
    ['a raw photo (Panasonic)', join('IIU\0', rest)],
    ['a raw photo (Nikon)', preview('NIKON CORPORATION')],
    ['a raw photo (Sony)', preview('SONY')],
    ['a raw photo of a camera', preview('Nobody Inc.')],
    ['a raw photo (DNG)', preview('Apple', [50706, 1, [1, 4, 0, 0]])],
    ['a raw photo (Pentax)', image(
      { ...SIZE, compression: 65535 }, pixels, [[MAKE, ASCII, Buffer.from('PENTAX')]]
    )],
    ['a raw photo of a camera', image({ ...SIZE, samples: 1, photometric: 32803 }, pixels)],
    ['a TIFF with Zstandard compression', image({ ...SIZE, compression: 50000 }, pixels)],
    ['a TIFF with LZMA compression', image({ ...SIZE, compression: 34925 }, pixels)],
    ['a TIFF with WebP compression', image({ ...SIZE, compression: 50001 }, pixels)],
    ['a TIFF with JPEG 2000 compression', image({ ...SIZE, compression: 33005 }, pixels)],
    ['a TIFF with old-style JPEG compression', image({ ...SIZE, compression: 6 }, pixels)],
    ['a TIFF in CIELAB colour', image({ ...SIZE, photometric: 8 }, pixels)],
    ['a TIFF in CIELAB colour', image({ ...SIZE, photometric: 9 }, pixels)],
    ['a TIFF with 12 bits per sample', image({ ...SIZE, samples: 1, bits: 12, photometric: 1 }, pixels)],
    ['a TIFF with 64 bits per sample', image({ ...SIZE, samples: 1, bits: 64, photometric: 1, format: 3 }, pixels)],
    ['a TIFF with floating-point samples of 16 bits', image(
      { ...SIZE, samples: 1, bits: 16, photometric: 1, format: 3 }, pixels
    )],
    ['a TIFF with complex numbers', image({ ...SIZE, samples: 1, bits: 64, photometric: 1, format: 6 }, pixels)],
    ['a TIFF with 5 channels', image({ ...SIZE, samples: 5, photometric: 1 }, pixels)]
  ]
  for (const [seems, bytes] of cases) {
    const error = await inspectImage(await store(t.testdir(), 'a.jpg', bytes), LIMITS).catch(error => error)
    t.equal(error.message, `images[0] ("a.jpg") is ${seems}; convert it to JPEG or PNG`)
    t.match(error, { code: 'UNSUPPORTED_IMAGE', statusCode: 415 })
    t.match(error.sentence('zh'), /[\u4e00-\u9fff]；请转换为 JPEG 或 PNG$|）不受支持；请转换为 JPEG 或 PNG$/)
  }
})

t.test('files that are no images are named, with the formats that are accepted', async t => {
  const cases: Array<[seems: string, bytes: Buffer]> = [
    ['a video', container('mp42')],
    ['a video', container('qt  ')],
    ['a sound', container('M4A ')],
    ['a compressed archive', join('7z\xbc\xaf', rest)],
    ['a compressed archive', at(257, 'ustar')],
    ['a text file', Buffer.from('P1 is the first point of the list')],
    ['a text file', Buffer.from('version https://git-lfs.github.com/spec/v1\n')],
    ['a file with metadata of macOS, whose image has the name without "._"', join(0, 5, 0x16, 7, rest)],
    ['not an image', Buffer.alloc(500)]
  ]
  for (const [seems, bytes] of cases) {
    const error = await inspectImage(await store(t.testdir(), 'a.jpg', bytes), LIMITS).catch(error => error)
    t.equal(error.message, `images[0] ("a.jpg") is ${seems}; send JPEG, PNG, WebP, AVIF, HEIC, GIF or TIFF`)
  }
})

t.test('an ordinary TIFF of a camera or an editor is accepted', async t => {
  const make: Parameters<typeof tiff>[0][number] = [MAKE, ASCII, Buffer.from('NIKON CORPORATION\0')]
  for (const entries of [[make], [make, [SUB_DIRECTORIES, LONG, [8]]], [[SUBFILE, LONG, [1]]]]) {
    const bytes = image(SIZE, pixels, entries as Parameters<typeof tiff>[0])
    t.match(await inspectImage(await store(t.testdir(), 'a.tif', bytes), LIMITS), { format: 'tiff' })
  }
})
