import { FIRST_OTHER, line, makePdf, stream } from '../../lib/make-pdf.ts'

/** Size of an A4 page at 200 dpi in pixels, and of the page after its preparation with default settings. */
export const PAGE = { width: 1652, height: 2338 }
export const PREPARED_PAGE = { width: 700, height: 1008 }

const LINES = 60

/** A page of text. */
export function textPage (): Buffer {
  const lines = Array.from({ length: LINES }, (_, row) =>
    line(
      `${row}. The quick brown fox jumps over the lazy dog and 1,384.50 EUR are due in 30 days.`, 40, 800 - 13 * row, 10
    ))
  return makePdf([{ content: lines.join('') }])
}

/**
 * A page that shows a scan.
 * @param jpeg an image of the size `PAGE`
 */
export function scannedPage (jpeg: Buffer): Buffer {
  const { width, height } = PAGE
  return makePdf([{ content: 'q 595 0 0 842 0 0 cm /X Do Q', resources: `/XObject << /X ${FIRST_OTHER} 0 R >>` }], {
    objects: [stream(
      `/Type /XObject /Subtype /Image /Width ${width} /Height ${height} /ColorSpace /DeviceRGB /BitsPerComponent 8 ` +
        '/Filter /DCTDecode', jpeg
    )]
  })
}
