import { CorruptImageError, DocumentEncryptedError, withDetails } from '../../../errors/catalogue.ts'
import { IMAGE_FAULTS } from '../../../errors/phrases.ts'
import { DecodeError } from '../decoder/decode-error.ts'
import { decoders } from '../decoder/decoders.ts'
import type { PageSize, PdfJob, PdfResults } from '../decoder/pdf-job.ts'
import type { ImageFile } from '../inspect.ts'
import type { PagePart } from '../part.ts'
import type { Size } from '../plan.ts'
import sharp from '../sharp.ts'
import { PDF_FAULTS } from './pdf-faults.ts'

/** The original size of a page is its size in pixels at this resolution. Boxes use these pixels. */
export const PAGE_DPI = 200
const POINTS_PER_INCH = 72

/** Maximum number of pages of a document. */
export const MAX_PDF_PAGES = 10_000
/** Maximum time to open a document and read the sizes of its pages, which takes about 50 ms. */
export const PDF_OPEN_LIMIT_MS = 10_000
/** Maximum time to render a page, which takes about 100 ms. */
export const PDF_RENDER_LIMIT_MS = 30_000
/** A page with a scan of 35 million pixels needs about 200 MB. */
export const PDF_MEMORY_MIB = 512

export interface PdfPages {
  /** Number of all pages. */
  count: number
  /** The wanted pages that exist. */
  pages: PagePart[]
}

/**
 * Opens a document and measures pages, without reading their content.
 * @param wanted numbers of pages, from 1
 * @param maxInputPixels a larger page gets a smaller original size
 * @throws DocumentEncryptedError, CorruptImageError, the reason of `signal`
 */
export async function measurePdf (
  file: ImageFile, wanted: number[], maxInputPixels: number, signal: AbortSignal
): Promise<PdfPages> {
  const { pages: count, sizes } = await run(file, { type: 'measure', pages: wanted }, PDF_OPEN_LIMIT_MS, signal)
  if (count < 1) throw new CorruptImageError(file.label, PDF_FAULTS.noPages)
  if (count > MAX_PDF_PAGES) {
    throw withDetails(new CorruptImageError(file.label, PDF_FAULTS.tooManyPages(MAX_PDF_PAGES)), {
      limit: MAX_PDF_PAGES
    })
  }
  const pages = wanted.flatMap((page, index): PagePart[] => {
    if (page > count) return []
    const size = sizes[index]
    if (!size) throw new CorruptImageError(pageLabel(file.label, page), IMAGE_FAULTS.damaged)
    return [{ type: 'page', page, pages: count, ...toPixels(size, maxInputPixels) }]
  })
  return { count, pages }
}

/** Returns the name of a page in messages. */
export function pageLabel (label: string, page: number): string {
  return `${label}, page ${page}`
}

function toPixels ({ width, height }: PageSize, maxInputPixels: number): Size {
  const scale = PAGE_DPI / POINTS_PER_INCH
  const factor = Math.min(scale, Math.sqrt(maxInputPixels / (width * height)))
  const pixels = (points: number) => Math.max(1, Math.floor(points * factor))
  return { width: pixels(width), height: pixels(height) }
}

/**
 * Renders a page at the given size, on white, with its annotations and form fields.
 * @param timeLimitMs maximum time, without the start of a thread
 * @returns PNG
 * @throws CorruptImageError, the reason of `signal`
 */
export async function renderPage (
  file: ImageFile, { page }: PagePart, { width, height }: Size, signal?: AbortSignal, timeLimitMs = PDF_RENDER_LIMIT_MS
): Promise<Buffer> {
  const pixels = await run(file, { type: 'render', page, width, height }, timeLimitMs, signal)
  return await sharp(pixels, { raw: { width, height, channels: 4 } }).removeAlpha().png({ compressionLevel: 0 })
    .toBuffer()
}

async function run<Job extends PdfJob> (
  { path, label }: ImageFile, options: Job, timeLimitMs: number, signal?: AbortSignal
): Promise<PdfResults[Job['type']]> {
  const memoryLimitBytes = PDF_MEMORY_MIB * 1024 * 1024
  try {
    return await decoders.decode({ kind: 'pdf', path, options, timeLimitMs, memoryLimitBytes }, signal) as never
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause
    throw Object.assign(toImageError(cause, label, timeLimitMs), { cause })
  }
}

function toImageError ({ fault, code }: DecodeError, label: string, timeLimitMs: number): Error {
  if (code === 'password') return new DocumentEncryptedError(label)
  if (code === 'font') return new CorruptImageError(label, PDF_FAULTS.font)
  if (code === 'encryption') return new CorruptImageError(label, PDF_FAULTS.encryption)
  if (fault === 'slow') return new CorruptImageError(label, IMAGE_FAULTS.tooSlow(timeLimitMs / 1000))
  if (fault === 'memory') return new CorruptImageError(label, IMAGE_FAULTS.tooMuchMemory(PDF_MEMORY_MIB))
  return new CorruptImageError(label, IMAGE_FAULTS.damaged)
}
