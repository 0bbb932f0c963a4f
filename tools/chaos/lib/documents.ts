import { deflateSync } from 'node:zlib'
import { FIRST_OTHER, makePdf, rectangle, stream } from '../../lib/make-pdf.ts'

/** PDF documents for requests. */
export interface Documents {
  /** Each page shows a square whose colour is known. */
  report: Buffer
  colours: readonly string[]
  /** Its only page takes longer than any limit of time. */
  slow: Buffer
  /** Its only page takes more memory than a page may have. */
  large: Buffer
}

const MEDIA_BOX = [0, 0, 100, 100]
const COLOURS = { red: '1 0 0', blue: '0 0 1', green: '0 0.5 0' }
const LEVELS = 10
const LARGE_BYTES = 60_000_000

export function createDocuments (): Documents {
  const pages = Object.values(COLOURS).map(colour =>
    ({ mediaBox: MEDIA_BOX, content: rectangle(colour, 20, 20, 60, 60) }))
  const next = (level: number) => `/XObject << /X ${FIRST_OTHER + level} 0 R >>`
  return {
    report: makePdf(pages),
    colours: Object.keys(COLOURS),
    // Each drawing shows the next one ten times.
    slow: makePdf([{ content: '/X Do', resources: next(0) }], {
      objects: Array.from({ length: LEVELS }, (_, level) => stream(
        `/Type /XObject /Subtype /Form /BBox [0 0 900 900] /Resources << ${next(level + 1)} >>`,
        level === LEVELS - 1 ? '0 0 900 900 re f' : '/X Do '.repeat(10)
      ))
    }),
    large: makePdf([{ more: `/Contents ${FIRST_OTHER} 0 R` }], {
      objects: [stream('/Filter /FlateDecode', deflateSync(Buffer.alloc(LARGE_BYTES, '0 0 9 9 re f\n')))]
    })
  }
}

/** Returns whether a file is a PDF. */
export function isPdf (data: Buffer): boolean {
  return data.toString('latin1', 0, 5) === '%PDF-'
}
