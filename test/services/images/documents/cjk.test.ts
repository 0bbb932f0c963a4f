import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import sharp from 'sharp'
import t from 'tap'
import { findCjkFont } from '../../../../services/images/decoder/font-folder.ts'
import { compilePdfium, PdfDocument, PdfError, startPdfium } from '../../../../services/images/decoder/pdfium.ts'
import { measurePdf, renderPage } from '../../../../services/images/documents/pdf.ts'
import { FIRST_OTHER, line, makePdf } from '../../../make-pdf.ts'
import { store } from '../draw.ts'

// Text of documents that name the usual fonts of each language without embedding them.

const font = findCjkFont()
const hasPoppler = spawnSync('pdftoppm', ['-v']).status === 0
const skip = font === null
  ? 'no font for Chinese, Japanese and Korean text is installed (apt-get install fonts-wqy-microhei)'
  : hasPoppler ? false : 'pdftoppm is missing (apt-get install poppler-utils)'

const LANGUAGES = [
  { base: 'STSong-Light', encoding: 'UniGB-UCS2-H', ordering: 'GB1', text: '中文发票总计' },
  { base: 'KozMinPro-Regular', encoding: 'UniJIS-UCS2-H', ordering: 'Japan1', text: '日本語の請求書' },
  { base: 'HYSMyeongJo-Medium', encoding: 'UniKS-UCS2-H', ordering: 'Korea1', text: '한국어문서' },
  { base: 'MSung-Light', encoding: 'UniCNS-UCS2-H', ordering: 'CNS1', text: '繁體中文發票' }
]
const ROW = 70
const [WIDTH, HEIGHT] = [320, 4 * ROW + 60]
/** Pixels per point. */
const SCALE = 2

/** A row for each language, and a line in Helvetica. */
function pdfOf (mode = 0): Buffer {
  const objects = LANGUAGES.flatMap(({ base, encoding, ordering }, index) => {
    const first = FIRST_OTHER + 3 * index
    return [
      `<< /Type /Font /Subtype /Type0 /BaseFont /${base} /Encoding /${encoding} /DescendantFonts [${first + 1} 0 R] >>`,
      `<< /Type /Font /Subtype /CIDFontType0 /BaseFont /${base} /DW 1000 /FontDescriptor ${first + 2} 0 R
        /CIDSystemInfo << /Registry (Adobe) /Ordering (${ordering}) /Supplement 2 >> >>`,
      `<< /Type /FontDescriptor /FontName /${base} /Flags 4 /FontBBox [0 -200 1000 900] /ItalicAngle 0 /Ascent 800
        /Descent -200 /CapHeight 700 /StemV 80 >>`
    ]
  })
  const hex = (text: string) => Buffer.from(text, 'utf16le').swap16().toString('hex')
  const rows = LANGUAGES.map(({ text }, index) =>
    `BT ${mode} Tr /G${index} 36 Tf 20 ${HEIGHT - (index + 1) * ROW + 10} Td <${hex(text)}> Tj ET\n`)
  const fonts = LANGUAGES.map((_, index) => `/G${index} ${FIRST_OTHER + 3 * index} 0 R`).join(' ')
  const content = `${rows.join('')}BT 0 Tr ET ${line('Latin text', 20, 20, 24)}`
  return makePdf([{ mediaBox: [0, 0, WIDTH, HEIGHT], content, fonts }], { objects })
}

/** The share of dark pixels in each row. */
function inkOf (pixels: Buffer, channels: number): number[] {
  return [...LANGUAGES, 'Latin'].map((_, row) => {
    const from = row * ROW * SCALE
    const to = Math.min(from + ROW * SCALE, HEIGHT * SCALE)
    let dark = 0
    for (let y = from; y < to; y++) {
      for (let x = 0; x < WIDTH * SCALE; x++) if (pixels[channels * (y * WIDTH * SCALE + x)]! < 128) dark++
    }
    return dark / ((to - from) * WIDTH * SCALE)
  })
}

t.test('Chinese, Japanese and Korean text is drawn with a font of this machine', { skip }, async t => {
  const dir = t.testdir()
  const pdf = pdfOf()
  const file = await store(dir, 'a.pdf', pdf)
  const { pages: [part] } = await measurePdf(file, [1], 1e8, new AbortController().signal)
  const png = await renderPage(file, part!, { width: WIDTH * SCALE, height: HEIGHT * SCALE })
  const ours = inkOf(await sharp(png).raw().toBuffer(), 3)

  writeFileSync(path.join(dir, 'b.pdf'), pdf)
  execFileSync('pdftoppm', [
    '-png', '-scale-to-x', `${WIDTH * SCALE}`, '-scale-to-y', `${HEIGHT * SCALE}`, path.join(dir, 'b.pdf'),
    path.join(dir, 'b')
  ])
  const theirs = inkOf(await sharp(path.join(dir, 'b-1.png')).removeAlpha().toColourspace('srgb').raw().toBuffer(), 3)
  const show = (ink: number[]) => ink.map(share => share.toFixed(4)).join(' ')
  t.comment(`ink: ${show(ours)}; pdftoppm: ${show(theirs)}`)
  for (const [row, ink] of ours.entries()) {
    t.ok(ink > 0.01, `row ${row} is not blank`)
    // pdftoppm may use another font, or have none for this language.
    if (theirs[row]! > 0.01) t.ok(ink > theirs[row]! / 2 && ink < theirs[row]! * 2, `row ${row} is drawn like pdftoppm`)
  }
})

t.test('without a font such a page is refused, unless its text is invisible', async t => {
  const program = await compilePdfium()
  const render = async (pdf: Buffer, hasFont: boolean) =>
    new PdfDocument(await startPdfium(program, null), pdf).render(1, WIDTH, HEIGHT, hasFont)
  await t.rejects(render(pdfOf(), false), new PdfError('font'))
  await t.resolves(render(pdfOf(3), false), 'invisible text')
  await t.resolves(render(makePdf([{ content: line('Latin text', 20, 20, 24) }]), false), 'Latin text')
})

t.test('fonts are found by their usual paths', async t => {
  const dir = t.testdir({ truetype: { wqy: { 'wqy-microhei.ttc': '' } } })
  t.equal(findCjkFont([path.join(dir, 'none'), dir]), path.join(dir, 'truetype/wqy/wqy-microhei.ttc'))
  t.equal(findCjkFont([path.join(dir, 'none')]), null)
})
