import { FIRST_OTHER, FIRST_PAGE, makePdf, PAGE_TREE, stream, type PdfPage } from '../../tools/lib/make-pdf.ts'
import { EITHER, form, good, other, withObjects, withPage, type PdfCase } from './pdf-parts.ts'

const self = `/XObject << /X ${other()} >>`
const tree = (object: string, more: Record<number, string> = {}) =>
  withPage({}, { instead: { [PAGE_TREE]: object, ...more } })

/** Documents whose objects contain themselves, and documents that are nested deeply. */
export function pdfLoops (): PdfCase[] {
  return [...pages(), ...drawings(), ...values(), ...fields(), ...tables(), ...depths()]
}

function pages (): PdfCase[] {
  const node = (kid: number, more = '') => `<< /Type /Pages /Kids [${kid} 0 R] /Count 5 ${more} >>`
  return [
    ['pages that contain themselves', tree(node(PAGE_TREE)), EITHER],
    ['pages that contain each other', tree(node(20), { 20: node(PAGE_TREE, '/Parent 2 0 R') }), EITHER],
    ['a page that is its own parent', withPage({}, {
      instead: { [FIRST_PAGE]: `<< /Type /Page /Parent ${FIRST_PAGE} 0 R >>` }
    }), EITHER],
    ['pages that inherit from each other', tree(node(20, '/Parent 20 0 R'), {
      20: `<< /Type /Pages /Parent 2 0 R /Kids [${FIRST_PAGE} 0 R] /Count 1 >>`,
      [FIRST_PAGE]: '<< /Type /Page /Parent 20 0 R >>'
    }), EITHER],
    ['one page ten thousand times', tree(
      `<< /Type /Pages /Kids [${`${FIRST_PAGE} 0 R `.repeat(10_000)}] /Count 10000 >>`
    ), EITHER],
    // Each node contains the next one ten times.
    ['pages of pages, 10 to the power of 9', makePdf([good], {
      objects: Array.from({ length: 9 }, (_, level) => {
        const kid = level === 8 ? FIRST_PAGE : FIRST_OTHER + level + 1
        return `<< /Type /Pages /Kids [${`${kid} 0 R `.repeat(10)}] /Count ${10 ** (9 - level)} >>`
      }),
      instead: { [PAGE_TREE]: `<< /Type /Pages /Kids [${other()}] /Count 1000000000 >>` }
    }), EITHER]
  ]
}

/** Drawings of several kinds. */
function drawings (): PdfCase[] {
  const show = (name: string, resources: string, objects: Array<string | Buffer>, content: string) =>
    withObjects(objects, { content, resources: `${resources} ${name}` })
  const pattern = `/Pattern << /P ${other()} >>`
  const state = `/ExtGState << /G << /SMask << /S /Luminosity /G ${other()} >> >> >>`
  const glyphs: PdfPage = { content: 'BT /F9 50 Tf 50 500 Td (aaa) Tj ET', fonts: `/F9 ${other()}` }
  return [
    ['a drawing that contains itself', withObjects([form('/X Do', self)]), EITHER],
    ['a drawing with its own resources', withObjects([
      `<< /XObject << /X ${other(1)} >> /Resources ${other()} >>`,
      stream(`/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources ${other()}`, '/X Do')
    ], { content: '/X Do', resources: `/XObject << /X ${other(1)} >>` }), EITHER],
    ['two drawings that contain each other', withObjects([
      form('/X Do', `/XObject << /X ${other(1)} >>`), form('/X Do', self)
    ]), EITHER],
    ['a drawing that contains itself ten times', withObjects([form('/X Do '.repeat(10), self)]), EITHER],
    ['a pattern that is filled with itself', show('', pattern, [stream(
      '/Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 9 9] /XStep 9 /YStep 9 ' +
        `/Resources << ${pattern} >>`, '/Pattern cs /P scn 0 0 9 9 re f'
    )], '/Pattern cs /P scn 0 0 500 500 re f'), EITHER],
    ['a mask that is masked by itself', show('', state, [
      form('/G gs 0 0 500 500 re f', state, '/Group << /S /Transparency /CS /DeviceRGB >>')
    ], '/G gs 0 0 500 500 re f'), EITHER],
    ['an image that is its own mask', withObjects([stream(
      `/Type /XObject /Subtype /Image /Width 8 /Height 8 /ColorSpace /DeviceGray /BitsPerComponent 8 /SMask ${other()}`,
      Buffer.alloc(64)
    )]), EITHER],
    ['a glyph that is written in itself', withObjects([
      '<< /Type /Font /Subtype /Type3 /FontBBox [0 0 9 9] /FontMatrix [0.1 0 0 0.1 0 0] /FirstChar 97 /LastChar 97 ' +
        `/Widths [9] /Encoding << /Differences [97 /a] >> /CharProcs << /a ${other(1)} >> ` +
        `/Resources << /Font << /F9 ${other()} >> >> >>`,
      stream('', '9 0 d0 BT /F9 1 Tf (aaa) Tj ET')
    ], glyphs), EITHER],
    ['a font that is its own descendant', withObjects([
      `<< /Type /Font /Subtype /Type0 /BaseFont /A /Encoding /Identity-H /DescendantFonts [${other()}] >>`
    ], glyphs), EITHER],
    ['a character map that uses itself', withObjects([
      `<< /Type /Font /Subtype /Type0 /BaseFont /A /Encoding ${other(1)} /DescendantFonts [${other(2)}] >>`,
      stream(`/Type /CMap /CMapName /B /UseCMap ${other(1)}`, '/B usecmap'),
      '<< /Type /Font /Subtype /CIDFontType2 /BaseFont /A /CIDSystemInfo << /Registry (A) /Ordering (B) >> >>'
    ], glyphs), EITHER],
    // Each drawing shows the next one ten times.
    ['drawings of drawings, 10 to the power of 9', withObjects(Array.from({ length: 10 }, (_, level) => form(
      level === 9 ? '0 0 9 9 re f' : '/X Do '.repeat(10), `/XObject << /X ${other(level + 1)} >>`
    ))), EITHER]
  ]
}

function values (): PdfCase[] {
  const colour = (space: string) => withObjects([space], {
    content: '/C cs 0.5 sc 0 0 500 500 re f', resources: `/ColorSpace << /C ${other()} >>`
  })
  const stitched =
    `<< /FunctionType 3 /Domain [0 1] /Functions [${other(1)} ${other(1)}] /Bounds [0.5] /Encode [0 1 0 1] >>`
  return [
    ['a colour of itself', colour(`[/Indexed ${other()} 1 <000000ffffff>]`), EITHER],
    ['a separation of itself', colour(`[/Separation /A ${other()} << /FunctionType 2 /Domain [0 1] /N 1 >>]`), EITHER],
    ['a profile of itself', withObjects([
      `[/ICCBased ${other(1)}]`, stream(`/N 3 /Alternate ${other()}`, 'x')
    ], { content: '/C cs 0 0 0 sc 0 0 500 500 re f', resources: `/ColorSpace << /C ${other()} >>` }), EITHER],
    ['a function of itself', withObjects([
      `<< /ShadingType 2 /ColorSpace /DeviceGray /Coords [0 0 500 500] /Function ${other(1)} >>`, stitched
    ], { content: '/S sh', resources: `/Shading << /S ${other()} >>` }), EITHER],
    ['content that contains itself', withPage({}, {
      instead: { [FIRST_PAGE + 1]: `[${FIRST_PAGE + 1} 0 R]` }
    }), EITHER],
    ['a reference to itself', withPage({ more: `/Rotate ${other()}` }, { objects: [other()] }), EITHER],
    ['a stream whose length is itself', withPage({}, {
      instead: { [FIRST_PAGE + 1]: Buffer.from(`<< /Length ${FIRST_PAGE + 1} 0 R >>\nstream\n0 0 9 9 re f\nendstream`) }
    }), EITHER],
    ['a filter that is its own stream', withObjects([
      stream(`/Filter ${other()} /DecodeParms ${other()}`, 'x')
    ]), EITHER]
  ]
}

/** Forms to fill in, annotations and layers. */
function fields (): PdfCase[] {
  const widget = (more: string) =>
    `<< /Type /Annot /Subtype /Widget /FT /Tx /T (a) /V (1) /Rect [9 9 99 99] /P ${FIRST_PAGE} 0 R ${more} >>`
  const page = { ...good, more: `/Annots [${other()}]` }
  const catalog = `/AcroForm << /Fields [${other()}] /DA (/F1 9 Tf) /NeedAppearances true >>`
  return [
    ['a field that is its own parent', withObjects([widget(`/Parent ${other()}`)], page, { catalog }), EITHER],
    ['a field that contains itself', withObjects([widget(`/Kids [${other()}]`)], page, { catalog }), EITHER],
    ['an appearance that draws itself', withObjects([
      `<< /Type /Annot /Subtype /Stamp /Rect [0 0 99 99] /F 4 /AP << /N ${other(1)} >> >>`,
      form('/X Do', `/XObject << /X ${other(1)} >>`)
    ], page), EITHER],
    ['a note that answers itself', withObjects([
      `<< /Type /Annot /Subtype /Text /Rect [0 0 99 99] /IRT ${other()} /Popup ${other()} /Parent ${other()} >>`
    ], page), EITHER],
    ['a layer that depends on itself', withObjects([
      `<< /Type /OCMD /OCGs ${other()} /VE [/And ${other()} ${other()}] >>`
    ], { content: '/OC /L BDC 0 0 9 9 re f EMC', resources: `/Properties << /L ${other()} >>` }), EITHER]
  ]
}

/** Cross-reference tables and streams of objects. */
function tables (): PdfCase[] {
  const plain = makePdf([good]).toString('latin1')
  const start = /startxref\n(\d+)/.exec(plain)![1]
  const extended = makePdf([good], { compressed: true }).toString('latin1')
    .replace('/Type /ObjStm', '/Type /ObjStm /Extends 5 0 R')
  return [
    ['a table before itself', Buffer.from(plain.replace('/Root', `/Prev ${start} /Root`), 'latin1'), EITHER],
    ['a stream of objects that extends itself', Buffer.from(extended, 'latin1'), EITHER],
    ['a stream of objects within itself', Buffer.from(extended.replace('/First', '/First 5 0 R /N'), 'latin1'), EITHER]
  ]
}

const DEEP = 100_000

function depths (): PdfCase[] {
  const nested = (open: string, close: string, count = DEEP) => `${open.repeat(count)}${close.repeat(count)}`
  return [
    ['100000 nested lists', withPage({ more: `/X ${nested('[', ']')}` }), EITHER],
    ['100000 nested dictionaries', withPage({ more: `/X ${nested('<</X ', '>>')}` }), EITHER],
    ['100000 nested parentheses', withPage({ more: `/X ${nested('(', ')')}` }), EITHER],
    ['100000 nested lists in content', withPage({ content: `${nested('[', ']')} TJ ${good.content}` }), EITHER],
    ['100000 nested dictionaries in content', withPage({
      content: `/A ${nested('<</X ', '>>')} BDC ${good.content}`
    }), EITHER],
    ['100000 nested states', withPage({ content: `${'q '.repeat(DEEP)}${good.content}` }), EITHER],
    ['100000 nested marks', withPage({ content: `${'/A BMC '.repeat(DEEP)}${good.content}` }), EITHER],
    ['100000 nested texts', withPage({ content: `${'BT '.repeat(DEEP)}${good.content}` }), EITHER],
    ['5000 nested drawings', withObjects(Array.from({ length: 5000 }, (_, level) =>
      form(level === 4999 ? '0 0 9 9 re f' : '/X Do', `/XObject << /X ${other(level + 1)} >>`))), EITHER],
    ['5000 nested pages', withObjects(Array.from({ length: 5000 }, (_, level) => {
      const kid = level === 4999 ? `${FIRST_PAGE} 0 R` : other(level + 1)
      return `<< /Type /Pages /Kids [${kid}] /Count 1 /Parent ${level === 0 ? '2 0 R' : other(level - 1)} >>`
    }), good, { instead: { [PAGE_TREE]: `<< /Type /Pages /Kids [${other()}] /Count 1 >>` } }), EITHER],
    ['a function of 100000 nested procedures', withObjects([
      `<< /ShadingType 2 /ColorSpace /DeviceGray /Coords [0 0 500 500] /Function ${other(1)} >>`,
      stream('/FunctionType 4 /Domain [0 1] /Range [0 1]', nested('{', '}'))
    ], { content: '/S sh', resources: `/Shading << /S ${other()} >>` }), EITHER],
    ['20000 nested references', withPage({ more: `/Rotate ${other()}` }, {
      objects: Array.from({ length: 20_000 }, (_, index) => index === 19_999 ? '90' : other(index + 1))
    }), EITHER]
  ]
}
