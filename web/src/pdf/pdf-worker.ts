/** Renders pages of one document with PDFium. It answers each `PdfJob` with a `PdfAnswer`, in their order. */
import { PDFiumLibrary, type PDFiumDocument } from '@hyzyla/pdfium'
import type { PdfAnswer, PdfFault, PdfJob, PdfResult } from './pdf.ts'

const QUALITY = 0.9
/** A page of which one side is longer has no preview. The service refuses it. */
const MAX_RATIO = 200

let document: PDFiumDocument | null = null
let last: Promise<unknown> = Promise.resolve()

addEventListener('message', ({ data }: MessageEvent<PdfJob>) => {
  last = last.then(async () => {
    const answer = await run(data).catch((error: unknown): PdfAnswer => ({ fault: faultOf(error) }))
    postMessage(answer)
  })
})

async function run (job: PdfJob): Promise<PdfResult> {
  if (job.type === 'open') {
    const library = await PDFiumLibrary.init({ wasmUrl: job.wasmUrl })
    document = await library.loadDocument(new Uint8Array(await job.blob.arrayBuffer()))
    return { pages: document.getPageCount() }
  }
  const page = document!.getPage(job.page - 1)
  const { originalWidth: width, originalHeight: height } = page.getOriginalSize()
  if (!(width > 0 && height > 0)) throw new Error('a page without a size')
  if (Math.max(width, height) > MAX_RATIO * Math.min(width, height)) return { width, height, preview: null }
  const rendered = await page.render({
    scale: job.maxSide / Math.max(width, height), render: 'bitmap', renderFormFields: true
  })
  const pixels = new Uint8ClampedArray(rendered.data)
  const canvas = new OffscreenCanvas(rendered.width, rendered.height)
  canvas.getContext('2d')!.putImageData(new ImageData(pixels, rendered.width, rendered.height), 0, 0)
  // Browsers that cannot write WebP write PNG.
  return { width, height, preview: await canvas.convertToBlob({ type: 'image/webp', quality: QUALITY }) }
}

/** The library tells its errors apart only by their messages. */
function faultOf (error: unknown): PdfFault {
  return /password/i.test(String(error)) ? 'password' : 'damaged'
}
