/** Makes PDF documents from objects that are written by hand. */

import { deflateSync } from 'node:zlib'

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
  /** Objects in place of those of `makePdf`, by their numbers. */
  instead?: Record<number, string | Buffer>
  /** Objects are in a compressed stream, and the cross-reference table is a stream, as in most documents today. */
  compressed?: boolean
  /** Other entries of the catalogue. */
  catalog?: string
  /** Other entries of the trailer. */
  trailer?: string
}

export const A4 = [0, 0, 595, 842]
/** Number of the object of /F1. */
const FONT = 3
/** Numbers of the catalogue, the page tree and the first page. The content of a page has the next number. */
export const [CATALOG, PAGE_TREE, FIRST_PAGE] = [1, 2, 10]
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

/** Makes a document. */
export function makePdf (pages: PdfPage[], options: PdfOptions = {}): Buffer {
  const { objects = [], catalog = '', trailer = '', instead = {}, compressed = false } = options
  const bodies = new Map<number, string | Buffer>()
  const kids = pages.map((_, index) => `${FIRST_PAGE + 2 * index} 0 R`).join(' ')
  bodies.set(CATALOG, `<< /Type /Catalog /Pages 2 0 R ${catalog} >>`)
  bodies.set(PAGE_TREE, `<< /Type /Pages /Kids [${kids}] /Count ${pages.length} >>`)
  bodies.set(FONT, '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>')
  for (const [index, { content = '', mediaBox = A4, more = '', fonts = '', resources = '' }] of pages.entries()) {
    const number = FIRST_PAGE + 2 * index
    bodies.set(number, `<< /Type /Page /Parent 2 0 R /MediaBox [${mediaBox.join(' ')}] /Contents ${number + 1} 0 R ` +
      `/Resources << /Font << /F1 ${FONT} 0 R ${fonts} >> ${resources} >> ${more} >>`)
    bodies.set(number + 1, stream('', content))
  }
  for (const [index, body] of objects.entries()) bodies.set(FIRST_OTHER + index, body)
  for (const [number, body] of Object.entries(instead)) bodies.set(Number(number), body)
  return compressed ? writeCompressed(bodies, trailer) : write(bodies, trailer)
}

const START = Buffer.from('%PDF-1.7\n%\xe2\xe3\xcf\xd3\n', 'latin1')

function objectsOf (bodies: Map<number, string | Buffer>) {
  const pieces: Buffer[] = [START]
  const offsets = new Map<number, number>()
  let length = START.length
  for (const [number, body] of bodies) {
    offsets.set(number, length)
    const piece = Buffer.concat([
      Buffer.from(`${number} 0 obj\n`), Buffer.from(body as string, 'latin1'), Buffer.from('\nendobj\n')
    ])
    pieces.push(piece)
    length += piece.length
  }
  return { pieces, offsets, length }
}

/** Writes a document with a cross-reference table. */
function write (bodies: Map<number, string | Buffer>, trailer: string): Buffer {
  const { pieces, offsets, length } = objectsOf(bodies)
  const size = Math.max(...bodies.keys()) + 1
  const rows = ['0 1\n0000000000 65535 f \n', ...Array.from(offsets, ([number, offset]) =>
    `${number} 1\n${String(offset).padStart(10, '0')} 00000 n \n`)]
  pieces.push(Buffer.from(
    `xref\n${rows.join('')}trailer\n<< /Size ${size} /Root 1 0 R ${trailer} >>\nstartxref\n${length}\n%%EOF\n`
  ))
  return Buffer.concat(pieces)
}

/** Number of the stream of objects. The cross-reference stream has the next number. */
const OBJECT_STREAM = 5

/** Writes a document with an object stream and a cross-reference stream (PDF 1.5). */
function writeCompressed (bodies: Map<number, string | Buffer>, trailer: string): Buffer {
  const inside = [...bodies].filter((entry): entry is [number, string] => typeof entry[1] === 'string')
  const outside = new Map([...bodies].filter(([, body]) => typeof body !== 'string'))
  let at = 0
  const index = inside.map(([number, body]) => {
    const pair = `${number} ${at}`
    at += body.length + 1
    return pair
  }).join(' ')
  const texts = inside.map(([, body]) => `${body}\n`).join('')
  outside.set(OBJECT_STREAM, stream(
    `/Type /ObjStm /N ${inside.length} /First ${index.length + 1} /Filter /FlateDecode`,
    deflateSync(Buffer.from(`${index} ${texts}`, 'latin1'))
  ))
  const { pieces, offsets, length } = objectsOf(outside)
  offsets.set(OBJECT_STREAM + 1, length)

  // Each row has a type, 4 bytes of an offset or of a stream's number, and 2 bytes of an index.
  const rows = new Map<number, Buffer>([[0, row(0, 0, 0xffff)]])
  for (const [number, offset] of offsets) rows.set(number, row(1, offset, 0))
  for (const [place, [number]] of inside.entries()) rows.set(number, row(2, OBJECT_STREAM, place))
  const numbers = [...rows.keys()].sort((a, b) => a - b)
  const table = stream(
    `/Type /XRef /W [1 4 2] /Index [${numbers.map(number => `${number} 1`).join(' ')}] /Size ${numbers.at(-1)! + 1} ` +
      `/Root ${CATALOG} 0 R /Filter /FlateDecode ${trailer}`,
    deflateSync(Buffer.concat(numbers.map(number => rows.get(number)!)))
  )
  return Buffer.concat([
    ...pieces, Buffer.from(`${OBJECT_STREAM + 1} 0 obj\n`), table,
    Buffer.from(`\nendobj\nstartxref\n${length}\n%%EOF\n`)
  ])
}

function row (type: number, value: number, index: number): Buffer {
  const bytes = Buffer.alloc(7)
  bytes.writeUInt8(type)
  bytes.writeUInt32BE(value, 1)
  bytes.writeUInt16BE(index, 5)
  return bytes
}
