import { FIRST_PAGE, makePdf, PAGE_TREE, stream } from '../../tools/lib/make-pdf.ts'
import { pdfBombs } from './pdf-bombs.ts'
import { pdfLoops } from './pdf-loops.ts'
import {
  ACCEPTED, EITHER, good, image, other, REFUSED, withObjects, withPage, type PdfCase
} from './pdf-parts.ts'

/** Returns hostile and unusual PDF documents. */
export function hostilePdfs (): PdfCase[] {
  return [...documents(), ...claims(), ...numbers(), ...scripts(), ...pdfLoops(), ...pdfBombs()]
}

function documents (): PdfCase[] {
  const plain = makePdf([good])
  const compressed = makePdf([good], { compressed: true })
  const cut = (pdf: Buffer, share: number) => pdf.subarray(0, Math.floor(pdf.length * share))
  return [
    ['a good document', plain, ACCEPTED],
    ['a good document with compressed objects', compressed, ACCEPTED],
    ['no pages', Buffer.from('%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\n'), REFUSED],
    ['a start alone, after blanks', Buffer.concat([Buffer.alloc(500, ' '), Buffer.from('%PDF-1.7\n')]), REFUSED],
    ['without the cross-reference table', cut(plain, 0.75), EITHER],
    ['half of a document', cut(plain, 0.5), EITHER],
    ['half of a document with compressed objects', cut(compressed, 0.5), REFUSED],
    ['blanks in place of the objects', Buffer.from(
      plain.toString('latin1').replace(/ obj/g, '    '), 'latin1'
    ), REFUSED],
    ['a page that is no page', withPage({}, { instead: { [FIRST_PAGE]: '[1 2 3]' } }), EITHER],
    ['a page that does not exist', withPage({}, { instead: { [FIRST_PAGE]: 'null' } }), EITHER],
    ['10001 pages', makePdf(Array.from({ length: 10_001 }, () => ({}))), /^CORRUPT_IMAGE: .*more than 10000 pages/],
    ['10000 pages', makePdf(Array.from({ length: 10_000 }, () => good)), ACCEPTED],
    ['10000 pages in compressed objects', makePdf(Array.from({ length: 10_000 }, () => good), { compressed: true }),
      ACCEPTED],
    [
      'two billion pages claimed',
      withPage({}, { instead: { [PAGE_TREE]: `<< /Type /Pages /Kids [${FIRST_PAGE} 0 R] /Count 2147483647 >>` } }),
      EITHER
    ],
    [
      'a negative number of pages',
      withPage({}, { instead: { [PAGE_TREE]: `<< /Type /Pages /Kids [${FIRST_PAGE} 0 R] /Count -5 >>` } }), EITHER
    ]
  ]
}

/** Sizes of pages and images. */
function claims (): PdfCase[] {
  const inches = 14_400 * 72
  const page = (mediaBox: number[], more = '') => withPage({ mediaBox, more })
  const huge = [100_000, 100_000] as const
  const filtered = (filter: string, data: Buffer | string, parameters = '') =>
    withObjects([image(...huge, data, `/ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /${filter} ${parameters}`)])
  const jpeg = Buffer.from('ffd8ffc0000b08ffffffff01011100ffda0008010100003f00', 'hex')
  const jpeg2000 = Buffer.from(
    'ff4fff51002900000001000186a0000000000000000000000186a0000186a000000000000000000001070101', 'hex'
  )
  const jbig2 = Buffer.from('0000000030000100000013ffffffffffffffff000000000000000001000000', 'hex')
  return [
    ['a page of 14400 inches', page([0, 0, inches, inches]), ACCEPTED],
    ['a page of 14400 points in units of 75000', page([0, 0, 14_400, 14_400], '/UserUnit 75000'), ACCEPTED],
    ['a page of 2 billion points', page([0, 0, 2e9, 2e9]), EITHER],
    ['a page of no size', page([0, 0, 0, 0]), EITHER],
    ['a page of a millionth of a point', page([0, 0, 1e-6, 1e-6]), EITHER],
    ['a page of infinite size', page([-1e38, -1e38, 1e38, 1e38]), EITHER],
    ['a page with its corners exchanged', page([595, 842, 0, 0]), ACCEPTED],
    ['a crop outside of the page', page([0, 0, 595, 842], '/CropBox [5000 5000 6000 6000]'), EITHER],
    ['a rotation by 45 degrees', page([0, 0, 595, 842], '/Rotate 45'), ACCEPTED],
    ['a rotation by 2147483647 degrees', page([0, 0, 595, 842], '/Rotate 2147483647'), ACCEPTED],
    ['an image of 100000 x 100000 without pixels', withObjects([image(...huge, '')]), EITHER],
    ['a JPEG of 65535 x 65535', filtered('DCTDecode', jpeg), EITHER],
    ['a JPEG 2000 of 100000 x 100000', filtered('JPXDecode', jpeg2000), EITHER],
    ['a JBIG2 of 4 billion x 4 billion', filtered('JBIG2Decode', jbig2), EITHER],
    ['a fax of 100000 x 100000', filtered(
      'CCITTFaxDecode', Buffer.alloc(1000), '/DecodeParms << /K -1 /Columns 100000 /Rows 100000 >>'
    ), EITHER],
    ['a row of 2 billion samples', filtered(
      'FlateDecode', Buffer.alloc(100), '/DecodeParms << /Predictor 15 /Columns 2147483647 /Colors 32 >>'
    ), EITHER],
    ['an image of 2147483647 x 2147483647', withObjects([image(2_147_483_647, 2_147_483_647, 'a')]), EITHER],
    ['an image of negative size', withObjects([image(-5, -5, 'a')]), EITHER]
  ]
}

/** Numbers that describe objects. */
function numbers (): PdfCase[] {
  const length = (value: string) => withPage({}, {
    instead: { [FIRST_PAGE + 1]: Buffer.from(`<< /Length ${value} >>\nstream\n${good.content}\nendstream`) }
  })
  const tail = (object: string | Buffer) => Buffer.concat([
    Buffer.from('%PDF-1.7\n9 0 obj\n'), Buffer.from(object as string), Buffer.from('\nendobj\nstartxref\n9\n%%EOF\n')
  ])
  return [
    ['a stream of 2147483647 bytes', length('2147483647'), EITHER],
    ['a stream of -1 bytes', length('-1'), EITHER],
    ['a stream of 9 to the power of 40 bytes', length('9'.repeat(40)), EITHER],
    ['a table of 2147483647 objects', tail(stream(
      '/Type /XRef /W [1 4 2] /Index [0 2147483647] /Size 2147483647 /Root 1 0 R', Buffer.alloc(100)
    )), REFUSED],
    ['a table with fields of 2147483647 bytes', tail(stream(
      '/Type /XRef /W [2147483647 2147483647 2147483647] /Size 10 /Root 1 0 R', Buffer.alloc(100)
    )), REFUSED],
    ['a stream of 2147483647 objects', withPage({}, {
      instead: { [PAGE_TREE]: stream('/Type /ObjStm /N 2147483647 /First 2147483647', '1 0 2 0') }
    }), EITHER],
    ['an encryption with a key of 2147483647 bits', withPage({}, {
      objects: ['<< /Filter /Standard /V 4 /R 4 /Length 2147483647 /O <00> /U <00> /P -4 >>'],
      trailer: `/Encrypt ${other()} /ID [<00> <00>]`
    }), /^(CORRUPT_IMAGE|DOCUMENT_ENCRYPTED): /]
  ]
}

/** Programs and references to other files. Nothing of it happens. */
function scripts (): PdfCase[] {
  const loop = '<< /S /JavaScript /JS (while(1);) >>'
  const opens = (action: string) => withPage({}, { catalog: `/OpenAction ${action}` })
  const field = (more: string) =>
    `<< /Type /Annot /Subtype /Widget /FT /Tx /T (a) /V (1) /Rect [9 9 99 99] /P ${FIRST_PAGE} 0 R ${more} >>`
  return [
    ['scripts', withPage({ more: `/AA << /O ${loop} /C ${loop} >>` }, {
      catalog: `/OpenAction ${loop} /AA << /WC ${loop} /WP ${loop} >> ` +
        `/Names << /JavaScript << /Names [(a) ${loop}] >> >>`
    }), ACCEPTED],
    ['a field with scripts', withPage({ more: `/Annots [${other()}]` }, {
      objects: [field(`/AA << /F ${loop} /C ${loop} /K ${loop} /V ${loop} /PO ${loop} /PV ${loop} >>`)],
      catalog: `/AcroForm << /Fields [${other()}] /CO [${other()}] /NeedAppearances true >>`
    }), ACCEPTED],
    ['a program to launch', opens('<< /S /Launch /F (/bin/sh) /Win << /F (cmd.exe) >> >>'), ACCEPTED],
    ['an address to open', opens('<< /S /URI /URI (http://127.0.0.1:9/) >>'), ACCEPTED],
    ['a form to submit', opens('<< /S /SubmitForm /F << /FS /URL /F (http://127.0.0.1:9/) >> >>'), ACCEPTED],
    ['another document to open', opens('<< /S /GoToR /F (/etc/passwd) /D [0 /Fit] >>'), ACCEPTED],
    ['a form in XML', withPage({}, {
      objects: [stream('', '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><xdp:xdp>&b;</xdp:xdp>')],
      catalog: `/AcroForm << /XFA [(template) ${other()}] /Fields [] >>`
    }), ACCEPTED],
    ['an image outside of the document', withObjects([image(1, 1, '', '/F (/etc/passwd)')]), ACCEPTED],
    ['content outside of the document', withPage({}, {
      instead: { [FIRST_PAGE + 1]: stream('/F (/etc/passwd) /FFilter /FlateDecode', '') }
    }), ACCEPTED],
    ['a font outside of the document', withPage({}, {
      instead: { 3: '<< /Type /Font /Subtype /TrueType /BaseFont /../../etc/passwd >>' }
    }), ACCEPTED]
  ]
}
