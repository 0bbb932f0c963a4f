import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import sharp from 'sharp'
import t, { type Test } from 'tap'
import { measurePdf, renderPage } from '../../../../services/images/documents/pdf.ts'
import { FIRST_OTHER, line, makePdf, rectangle, stream } from '../../../../tools/lib/make-pdf.ts'
import { store } from '../draw.ts'

const never = new AbortController().signal
const MAX_INPUT_PIXELS = 100_000_000
const RED = '1 0 0'

/** Renders a page and returns its pixels. */
async function render (t: Test, pdf: Buffer, page = 1, longSide = 400) {
  const file = await store(t.testdir(), 'a.pdf', pdf)
  const { pages: [part] } = await measurePdf(file, [page], MAX_INPUT_PIXELS, never)
  const { width: originalWidth, height: originalHeight } = part!
  const scale = longSide / Math.max(originalWidth, originalHeight)
  const size = { width: Math.round(originalWidth * scale), height: Math.round(originalHeight * scale) }
  const png = await renderPage(file, part!, size)
  const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true })
  t.equal(info.channels, 3)
  /** The colour at a place in fractions of the page. */
  const at = (x: number, y: number) => {
    const start = 3 * (Math.floor(y * size.height) * size.width + Math.floor(x * size.width))
    return [...data.subarray(start, start + 3)]
  }
  /** The fraction of pixels in an area that are dark. */
  const ink = (left: number, top: number, right: number, bottom: number) => {
    let dark = 0
    let all = 0
    for (let y = Math.floor(top * size.height); y < bottom * size.height; y++) {
      for (let x = Math.floor(left * size.width); x < right * size.width; x++, all++) {
        if (data[3 * (y * size.width + x)]! < 128) dark++
      }
    }
    return dark / all
  }
  return { part: part!, png, at, ink }
}

t.test('the original size of a page is its size at 200 dpi, cropped and rotated', async t => {
  const sizes: Array<[more: string, mediaBox: number[], width: number, height: number]> = [
    ['', [0, 0, 595, 842], 1652, 2338],
    ['', [0, 0, 842, 595], 2338, 1652],
    ['/Rotate 90', [0, 0, 595, 842], 2338, 1652],
    ['/CropBox [100 100 172 244]', [0, 0, 595, 842], 200, 400],
    ['', [0, 0, 14_400, 14_400], 10_000, 10_000]
  ]
  const pdf = makePdf(sizes.map(([more, mediaBox]) => ({ more, mediaBox })))
  const file = await store(t.testdir(), 'a.pdf', pdf)
  const { count, pages } = await measurePdf(file, [1, 2, 3, 4, 5, 6], MAX_INPUT_PIXELS, never)
  t.equal(count, 5)
  t.match(pages.map(({ width, height }) => [width, height]), sizes.map(([, , width, height]) => [width, height]))
})

t.test('rotation and crop apply to the pixels', async t => {
  const content = rectangle(RED, 0, 642, 200, 200)
  const { at: upright } = await render(t, makePdf([{ content }]))
  t.same(upright(0.1, 0.1), [255, 0, 0])
  t.same(upright(0.9, 0.1), [255, 255, 255])
  const { at: turned } = await render(t, makePdf([{ content, more: '/Rotate 90' }]))
  t.same([turned(0.9, 0.1), turned(0.1, 0.1)], [[255, 0, 0], [255, 255, 255]])
  const { at: cropped } = await render(t, makePdf([{ content, more: '/CropBox [0 542 200 842]' }]))
  t.same([cropped(0.9, 0.1), cropped(0.5, 0.9)], [[255, 0, 0], [255, 255, 255]])
})

t.test('a scan, a form field and an annotation are drawn', async t => {
  const jpeg = await sharp({ create: { width: 60, height: 80, channels: 3, background: '#204080' } }).jpeg().toBuffer()
  const scan = stream(
    '/Type /XObject /Subtype /Image /Width 60 /Height 80 /ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode',
    jpeg
  )
  const page = { content: 'q 595 0 0 842 0 0 cm /Im Do Q', resources: `/XObject << /Im ${FIRST_OTHER} 0 R >>` }
  const { at } = await render(t, makePdf([page], { objects: [scan] }))
  for (const [index, value] of [0x20, 0x40, 0x80].entries()) t.ok(Math.abs(at(0.5, 0.5)[index]! - value) < 4)

  const field = `<< /Type /Annot /Subtype /Widget /FT /Tx /T (name) /V (Alice) /Rect [100 690 400 740] /F 4 /P 10 0 R
    /DA (/F1 40 Tf 0 g) >>`
  const { ink } = await render(t, makePdf([{ more: `/Annots [${FIRST_OTHER} 0 R]` }], {
    objects: [field],
    catalog: `/AcroForm << /Fields [${FIRST_OTHER} 0 R] /DR << /Font << /F1 3 0 R >> >> /DA (/F1 40 Tf 0 g) >>`
  }))
  t.ok(ink(0.16, 0.1, 0.5, 0.2) > 0.02, 'the value of the field')

  const square = '<< /Type /Annot /Subtype /Square /Rect [100 100 300 300] /F 4 /C [1 0 0] /IC [1 0 0] >>'
  const { at: annotated } = await render(t, makePdf([{ more: `/Annots [${FIRST_OTHER} 0 R]` }], { objects: [square] }))
  t.same(annotated(200 / 595, 1 - 200 / 842), [255, 0, 0])
})

t.test('page 299 of 300', async t => {
  const pages = Array.from({ length: 300 }, (_, index) => ({
    content: rectangle(index === 298 ? RED : '0 0 1', 0, 0, 595, 842)
  }))
  const { part, at } = await render(t, makePdf(pages), 299)
  t.match(part, { page: 299, pages: 300 })
  t.same(at(0.5, 0.5), [255, 0, 0])
})

const hasPoppler = spawnSync('pdftoppm', ['-v']).status === 0
const skip = hasPoppler ? false : 'pdftoppm is missing (apt-get install poppler-utils)'
t.test('text of 8 points at 1024 pixels is as readable as in pdftoppm', { skip }, async t => {
  const dir = t.testdir()
  const lines = Array.from({ length: 40 }, (_, row) =>
    line('Total amount due: 1,384.50 EUR, payable within 30 days', 50, 780 - row * 16, 8))
  const pdf = makePdf([{ content: lines.join('') }])
  const { png } = await render(t, pdf, 1, 1024)
  writeFileSync(path.join(dir, 'b.pdf'), pdf)
  execFileSync('pdftoppm', ['-png', '-scale-to', '1024', path.join(dir, 'b.pdf'), path.join(dir, 'b')])
  const { width, height } = await sharp(png).metadata()
  const grey = async (image: Buffer | string) =>
    await sharp(image).resize(width, height, { fit: 'fill' }).greyscale().raw().toBuffer()
  const [own, other] = [await grey(png), await grey(path.join(dir, 'b-1.png'))]
  const inkOf = (pixels: Buffer) => pixels.reduce((sum, value) => sum + 255 - value, 0) / pixels.length
  const contrastOf = (pixels: Buffer) => 255 - pixels.toSorted()[Math.floor(pixels.length / 500)]!
  t.comment(`ink ${inkOf(own)} and ${inkOf(other)}, contrast ${contrastOf(own)} and ${contrastOf(other)}`)
  t.ok(Math.abs(inkOf(own) / inkOf(other) - 1) < 0.25, 'the same amount of ink')
  t.ok(contrastOf(own) > 0.85 * contrastOf(other), 'as much contrast')
})
