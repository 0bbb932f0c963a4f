import { statSync } from 'node:fs'
import { measurePdf } from '../../../services/images/documents/pdf.ts'
import { inspectImage } from '../../../services/images/inspect.ts'
import type { Size } from '../../../services/images/plan.ts'
import { prepareImage } from '../../../services/images/prepare.ts'

const never = new AbortController().signal

/** Prepares the image of a file, or the first page of a PDF, as the service does. */
export async function prepareFile (path: string, size: Size): Promise<void> {
  const file = { path, label: 'image', bytes: statSync(path).size }
  const pages = path.endsWith('.pdf') ? (await measurePdf(file, [1], Infinity, never)).pages : []
  const image = { ...file, part: pages[0] }
  await prepareImage(image, await inspectImage(image, { maxInputPixels: Infinity }), size)
}
