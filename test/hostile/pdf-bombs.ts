import { deflateSync } from 'node:zlib'
import { FIRST_PAGE, stream, type PdfPage } from '../../tools/lib/make-pdf.ts'
import { zlibBomb } from './hostile-image.ts'
import { EITHER, form, good, image, other, REFUSED, withObjects, withPage, type PdfCase } from './pdf-parts.ts'

const MB = 1_000_000
/** Inflates to 1 GiB. */
const bomb = zlibBomb(64)

/** Documents that inflate to much, and documents that take long to draw. */
export function pdfBombs (): PdfCase[] {
  return [...inflating(), ...slow()]
}

function inflating (): PdfCase[] {
  const content = (filter: string, data: Buffer | string) =>
    withPage({}, { instead: { [FIRST_PAGE + 1]: stream(`/Filter ${filter}`, data) } })
  const flate = '/ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /FlateDecode'
  const glyphs: PdfPage = { content: 'BT /F9 50 Tf 50 500 Td (aaa) Tj ET', fonts: `/F9 ${other()}` }
  const font = (more: string) => `<< /Type /Font /Subtype /TrueType /BaseFont /A ${more} >>`
  return [
    ['content that inflates to 1 GiB', content('/FlateDecode', bomb), EITHER],
    ['content that inflates twice', content('[/FlateDecode /FlateDecode]', deflateSync(bomb)), EITHER],
    ['content with 1000 filters', content(`[${'/FlateDecode '.repeat(1000)}]`, bomb), EITHER],
    ['content of 5 million rectangles', content(
      '/FlateDecode', deflateSync(Buffer.alloc(60 * MB, '0 0 9 9 re f\n'))
    ), EITHER],
    ['content of 50 MB in base 85', content('/ASCII85Decode', `${'z'.repeat(50 * MB)}~>`), EITHER],
    ['content of 256 MB in runs', content('/RunLengthDecode', Buffer.alloc(4 * MB, Buffer.from([129, 0x20]))), EITHER],
    ['an image that inflates to 1 GiB', withObjects([image(100_000, 100_000, bomb, flate)]), EITHER],
    ['an image of 20000 x 17000 pixels', withObjects([image(20_000, 17_000, bomb, flate)]), EITHER],
    ['a mask that inflates to 1 GiB', withObjects([
      image(8, 8, Buffer.alloc(64), `/ColorSpace /DeviceGray /BitsPerComponent 8 /SMask ${other(1)}`),
      image(32_000, 32_000, bomb, '/ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /FlateDecode')
    ]), EITHER],
    ['a profile that inflates to 1 GiB', withObjects([
      image(8, 8, Buffer.alloc(192), `/ColorSpace [/ICCBased ${other(1)}] /BitsPerComponent 8`),
      stream('/N 3 /Filter /FlateDecode', bomb)
    ]), EITHER],
    ['a font that inflates to 1 GiB', withObjects([
      font(`/FontDescriptor ${other(1)}`), `<< /Type /FontDescriptor /FontName /A /Flags 4 /FontFile2 ${other(2)} >>`,
      stream('/Filter /FlateDecode', bomb)
    ], glyphs), EITHER],
    ['a character map of 4 billion characters', withObjects([
      font(`/ToUnicode ${other(1)}`), stream('', '1 beginbfrange <00000000> <ffffffff> <0000> endbfrange')
    ], glyphs), EITHER],
    ['a table of widths of 2 billion characters', withObjects([
      '<< /Type /Font /Subtype /Type0 /BaseFont /A /Encoding /Identity-H ' +
        '/DescendantFonts [<< /Type /Font /Subtype /CIDFontType2 /BaseFont /A /W [0 2147483647 500] >>] >>'
    ], glyphs), EITHER],
    ['a table of objects that inflates to 1 GiB', Buffer.concat([
      Buffer.from('%PDF-1.7\n9 0 obj\n'),
      stream('/Type /XRef /W [1 4 2] /Size 100000000 /Root 1 0 R /Filter /FlateDecode', bomb),
      Buffer.from('\nendobj\nstartxref\n9\n%%EOF\n')
    ]), REFUSED],
    ['a function of 2 billion samples', withObjects([
      `<< /ShadingType 2 /ColorSpace /DeviceGray /Coords [0 0 500 500] /Function ${other(1)} >>`,
      stream('/FunctionType 0 /Domain [0 1 0 1] /Range [0 1] /Size [65535 65535] /BitsPerSample 32', 'x')
    ], { content: '/S sh', resources: `/Shading << /S ${other()} >>` }), EITHER]
  ]
}

/** Each needs much time for each of its bytes. */
function slow (): PdfCase[] {
  const shading = (dictionary: string, data = '') => withObjects(
    [stream(dictionary, data), stream(
      '/FunctionType 4 /Domain [0 1 0 1] /Range [0 1]', `{ ${'sin cos exch '.repeat(50_000)} pop }`
    )],
    { content: '/S sh', resources: `/Shading << /S ${other()} >>` }
  )
  const group = form('0 0 900 900 re f', '', '/Group << /S /Transparency /I true /K true >>')
  return [
    ['dashes of a millionth of a point', withPage({ content: '[0.000001] 0 d 0 0 m 595 842 l S' }), EITHER],
    ['tiles of a thousandth of a point', withObjects([stream(
      '/Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 1 1] /XStep 0.001 /YStep 0.001 ' +
        '/Resources << >>', '0 0 1 1 re f'
    )], {
      content: '/Pattern cs /P scn 0 0 595 842 re f', resources: `/Pattern << /P ${other()} >>`
    }), EITHER],
    ['a million letters', withPage({ content: `BT /F1 9 Tf 9 9 Td (${'W'.repeat(MB)}) Tj ET` }), EITHER],
    ['a colour with a function of 150000 steps', shading(
      `/ShadingType 1 /ColorSpace /DeviceGray /Domain [0 1 0 1] /Matrix [595 0 0 842 0 0] /Function ${other(1)}`
    ), EITHER],
    ['100000 layers of transparency', withObjects([group], {
      content: '/X Do '.repeat(100_000), resources: `/XObject << /X ${other()} >>`
    }), EITHER],
    ['a line of a million corners, one million points wide', withPage({
      content: `1000000 w 1 j 1 J 0 0 m ${'500 800 l 9 9 l '.repeat(500_000)} S`
    }), EITHER],
    ['100000 clips', withPage({
      content: `${'0 0 m 595 842 l 9 700 l h W n '.repeat(100_000)}${good.content}`
    }), EITHER],
    ['a million images', withPage({
      content: 'q 595 0 0 842 0 0 cm BI /W 1 /H 1 /CS /G /BPC 8 ID x EI Q '.repeat(MB / 4)
    }), EITHER]
  ]
}
