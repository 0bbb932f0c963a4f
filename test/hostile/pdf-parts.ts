import {
  FIRST_OTHER, line, makePdf, rectangle, stream, type PdfOptions, type PdfPage
} from '../../tools/lib/make-pdf.ts'

/** A hostile or unusual document, and the outcomes that are right for it. */
export type PdfCase = [what: string, pdf: Buffer, outcomes: RegExp]

/** What is not damaged is drawn, and PDFium decides whether it is. */
export const EITHER = /^(accepted|CORRUPT_IMAGE: )/
export const ACCEPTED = /^accepted$/
export const REFUSED = /^CORRUPT_IMAGE: /

export const good: PdfPage = { content: rectangle('1 0 0', 100, 100, 300, 300) + line('Hello', 50, 700, 30) }

/** A reference to one of the objects of `withObjects`. */
export const other = (index = 0) => `${FIRST_OTHER + index} 0 R`

/** A page that draws the first of the other objects. */
export const drawing: PdfPage = {
  content: 'q 500 0 0 500 0 0 cm /X Do Q', resources: `/XObject << /X ${other()} >>`
}

/** Makes a document of one page that draws the first of these objects. */
export const withObjects = (objects: Array<string | Buffer>, page: PdfPage = drawing, more: PdfOptions = {}) =>
  makePdf([page], { objects, ...more })

/** Makes a document of one good page. */
export const withPage = (more: Partial<PdfPage>, options: PdfOptions = {}) => makePdf([{ ...good, ...more }], options)

/** An image. */
export const image = (
  width: number, height: number, data: Buffer | string, more = '/ColorSpace /DeviceRGB /BitsPerComponent 8'
) => stream(`/Type /XObject /Subtype /Image /Width ${width} /Height ${height} ${more}`, data)

/** A drawing that others show. */
export const form = (content: Buffer | string, resources = '', more = '') => stream(
  `/Type /XObject /Subtype /Form /BBox [0 0 900 900] /Resources << ${resources} >> ${more}`, content
)
