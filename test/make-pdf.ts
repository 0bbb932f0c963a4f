/** Makes PDF documents for tests, from objects that are written by hand. */

export interface PdfPage {
  /** The operators of the content stream. */
  content?: string
  /** [left, bottom, right, top] in points; A4 upright by default. */
  mediaBox?: number[]
  /** Other entries of the page, e.g. `/Rotate 90`. */
  more?: string
  /** Fonts besides /F1 (Helvetica). */
  fonts?: string
  /** Other entries of the resources. */
  resources?: string
}

export interface PdfOptions {
  /** Other objects: `number 0 obj … endobj`, from `FIRST_OTHER` on. */
  objects?: Array<string | Buffer>
  /** Other entries of the catalogue. */
  catalog?: string
  /** Other entries of the trailer. */
  trailer?: string
}

export const A4 = [0, 0, 595, 842]
const FONT = 3
/** Number of the first object that `objects` may define. */
export const FIRST_OTHER = 10_000

/** Content that writes a line of text in Helvetica. */
export function line (text: string, x: number, y: number, size: number, font = 'F1'): string {
  return `BT /${font} ${size} Tf ${x} ${y} Td (${text}) Tj ET\n`
}

/** Content that fills a rectangle. */
export function rectangle (colour: string, x: number, y: number, width: number, height: number): string {
  return `${colour} rg ${x} ${y} ${width} ${height} re f\n`
}

export function stream (dictionary: string, data: string | Buffer): Buffer {
  const bytes = Buffer.from(data as string, 'latin1')
  return Buffer.concat([
    Buffer.from(`<< ${dictionary} /Length ${bytes.length} >>\nstream\n`, 'latin1'), bytes, Buffer.from('\nendstream')
  ])
}

/** Makes a document with a cross-reference table. */
export function makePdf (pages: PdfPage[], { objects = [], catalog = '', trailer = '' }: PdfOptions = {}): Buffer {
  const bodies = new Map<number, string | Buffer>()
  const kids = pages.map((_, index) => `${10 + 2 * index} 0 R`).join(' ')
  bodies.set(1, `<< /Type /Catalog /Pages 2 0 R ${catalog} >>`)
  bodies.set(2, `<< /Type /Pages /Kids [${kids}] /Count ${pages.length} >>`)
  bodies.set(FONT, '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>')
  for (const [index, { content = '', mediaBox = A4, more = '', fonts = '', resources = '' }] of pages.entries()) {
    const number = 10 + 2 * index
    bodies.set(number, `<< /Type /Page /Parent 2 0 R /MediaBox [${mediaBox.join(' ')}] /Contents ${number + 1} 0 R ` +
      `/Resources << /Font << /F1 ${FONT} 0 R ${fonts} >> ${resources} >> ${more} >>`)
    bodies.set(number + 1, stream('', content))
  }
  for (const [index, body] of objects.entries()) bodies.set(FIRST_OTHER + index, body)
  return write(bodies, trailer)
}

function write (bodies: Map<number, string | Buffer>, trailer: string): Buffer {
  const pieces: Buffer[] = [Buffer.from('%PDF-1.7\n%\xe2\xe3\xcf\xd3\n', 'latin1')]
  const offsets = new Map<number, number>()
  let length = pieces[0]!.length
  for (const [number, body] of bodies) {
    offsets.set(number, length)
    const piece = Buffer.concat([
      Buffer.from(`${number} 0 obj\n`), Buffer.from(body as string, 'latin1'), Buffer.from('\nendobj\n')
    ])
    pieces.push(piece)
    length += piece.length
  }
  const size = Math.max(...bodies.keys()) + 1
  const rows = ['0 1\n0000000000 65535 f \n', ...Array.from(offsets, ([number, offset]) =>
    `${number} 1\n${String(offset).padStart(10, '0')} 00000 n \n`)]
  pieces.push(Buffer.from(
    `xref\n${rows.join('')}trailer\n<< /Size ${size} /Root 1 0 R ${trailer} >>\nstartxref\n${length}\n%%EOF\n`
  ))
  return Buffer.concat(pieces)
}
