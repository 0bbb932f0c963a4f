import { deflateSync } from 'node:zlib'
import { FIRST_OTHER, line, makePdf, rectangle, stream } from '../make-pdf.ts'

const ANNOTATION = `/Annots [${FIRST_OTHER} 0 R]`
const IMAGE = { content: 'q 100 0 0 100 0 0 cm /Im Do Q', resources: `/XObject << /Im ${FIRST_OTHER} 0 R >>` }
const FORM = { content: '/Im Do', resources: `/XObject << /Im ${FIRST_OTHER} 0 R >>` }
const good = { content: rectangle('1 0 0', 100, 100, 300, 300) + line('Hello', 50, 700, 30) }

/** Hostile and unusual PDF documents, and the outcomes that are right for them. */
export function hostilePdfs (): Array<[what: string, pdf: Buffer, outcomes: RegExp]> {
  const plain = makePdf([good]).toString('latin1')
  const loop = (object: string) => plain.replace(/2 0 obj[^]*?endobj/, `2 0 obj\n${object}\nendobj`)
  const text = (pdf: string) => Buffer.from(pdf, 'latin1')
  const bomb = deflateSync(Buffer.alloc(60_000_000))
  return [
    ['a good document', makePdf([good]), /^accepted$/],
    ['no pages', Buffer.from('%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\n'), /^CORRUPT_IMAGE/],
    [
      'a start alone, after blanks', Buffer.concat([Buffer.alloc(500, ' '), Buffer.from('%PDF-1.7\n')]),
      /^CORRUPT_IMAGE/
    ],
    ['pages that contain themselves', text(loop('<< /Type /Pages /Kids [2 0 R] /Count 5 >>')), /CORRUPT|accepted/],
    [
      'two billion pages claimed', text(loop('<< /Type /Pages /Kids [10 0 R] /Count 2147483647 >>')),
      /CORRUPT|accepted/
    ],
    ['10001 pages', makePdf(Array.from({ length: 10_001 }, () => ({}))), /^CORRUPT_IMAGE: .*more than 10000 pages/],
    ['a page of 2 billion points', makePdf([{ ...good, mediaBox: [0, 0, 2e9, 2e9] }]), /CORRUPT|accepted/],
    ['a page of no size', makePdf([{ ...good, mediaBox: [0, 0, 0, 0] }]), /CORRUPT|accepted/],
    ['a page of infinite size', makePdf([{ ...good, mediaBox: [-1e38, -1e38, 1e38, 1e38] }]), /CORRUPT|accepted/],
    ['100000 nested lists', makePdf([{ ...good, more: `/X ${'['.repeat(100_000)}${']'.repeat(100_000)}` }]),
      /CORRUPT|accepted/],
    ['100000 nested states', makePdf([{ content: `${'q '.repeat(100_000)}${good.content}` }]), /CORRUPT|accepted/],
    ['a drawing that contains itself', makePdf([FORM], {
      objects: [stream(
        `/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << ${FORM.resources} >>`, '/Im Do'
      )]
    }), /CORRUPT|accepted/],
    // Each drawing shows the next one ten times.
    ['drawings of drawings, 10 to the power of 9', makePdf([FORM], {
      objects: Array.from({ length: 10 }, (_, level) => stream(
        '/Type /XObject /Subtype /Form /BBox [0 0 900 900] ' +
        `/Resources << /XObject << /Im ${FIRST_OTHER + level + 1} 0 R >> >>`,
        level === 9 ? '0 0 9 9 re f' : '/Im Do '.repeat(10)
      ))
    }), /CORRUPT|accepted/],
    ['an image of 60000 x 60000', makePdf([IMAGE], {
      objects: [stream('/Type /XObject /Subtype /Image /Width 60000 /Height 60000 /ColorSpace /DeviceRGB ' +
        '/BitsPerComponent 8 /Filter /FlateDecode', bomb)]
    }), /CORRUPT|accepted/],
    ['a content stream that inflates to 60 MB', makePdf([{ more: `/Contents ${FIRST_OTHER} 0 R` }], {
      objects: [stream('/Filter /FlateDecode', deflateSync(Buffer.alloc(60_000_000, '0 0 9 9 re f\n')))]
    }), /CORRUPT|accepted/],
    ['scripts', makePdf([{ ...good, more: '/AA << /O << /S /JavaScript /JS (while(1);) >> >>' }], {
      catalog: '/OpenAction << /S /JavaScript /JS (while(1);) >>'
    }), /^accepted$/],
    ['a field with a script', makePdf([{ ...good, more: ANNOTATION }], {
      objects: ['<< /Type /Annot /Subtype /Widget /FT /Tx /T (a) /V (1) /Rect [9 9 99 99] /P 10 0 R ' +
        '/AA << /F << /S /JavaScript /JS (while(1);) >> /C << /S /JavaScript /JS (while(1);) >> >> >>'],
      catalog: `/AcroForm << /Fields [${FIRST_OTHER} 0 R] /CO [${FIRST_OTHER} 0 R] /NeedAppearances true >>`
    }), /^accepted$/],
    ['a file outside of the document', makePdf([IMAGE], {
      objects: [stream('/Type /XObject /Subtype /Image /Width 1 /Height 1 /F (/etc/passwd)', '')]
    }), /^accepted$/]
  ]
}
