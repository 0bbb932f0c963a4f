/** The thread that reads PDF documents with PDFium. It answers each `ThreadJob` with a `ThreadMessage`. */
import { readFile } from 'node:fs/promises'
import { findCjkFont } from './font-folder.ts'
import { compilePdfium, PdfDocument, PdfError, startPdfium } from './pdfium.ts'
import type { PdfJob, PdfResults } from './pdf-job.ts'
import { Refusal, serveDecoder, type Decoded } from './serve.ts'

await serveDecoder(async () => {
  const program = await compilePdfium()
  const font = findCjkFont()

  return async (path, options): Promise<Decoded> => {
    const pdfium = await startPdfium(program, font)
    const job = options as PdfJob
    try {
      const document = new PdfDocument(pdfium, await readFile(path))
      return job.type === 'measure' ? measure(document, job.pages) : render(document, job, font !== null)
    } catch (error) {
      throw error instanceof PdfError ? new Refusal(error.fault, error.message) : error
    }
  }
})

function measure (document: PdfDocument, wanted: number[]): Decoded {
  const { pages } = document
  const result: PdfResults['measure'] = {
    pages, sizes: wanted.map(page => page <= pages ? document.sizeOf(page) : null)
  }
  return { result, transfer: [] }
}

function render (
  document: PdfDocument, { page, width, height }: Extract<PdfJob, { type: 'render' }>, hasCjkFont: boolean
): Decoded {
  const result: PdfResults['render'] = document.render(page, width, height, hasCjkFont)
  return { result, transfer: [result.buffer] }
}
