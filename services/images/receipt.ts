import type { Receipt } from '../../schemas/image.ts'
import type { ImageHeader } from './inspect.ts'
import type { FilePart } from './part.ts'
import type { PlannedSize } from './plan.ts'
import { isReady } from './prepare.ts'

/** An image that is planned. `file.id` is `sha256:<64 hex digits>`, the hash of the bytes that the client sent. */
interface ReceiptImage {
  /** `document` is the id of the file of which the image is a part. */
  file: { id: string, bytes: number, name?: string, document?: string, part?: FilePart }
  header: ImageHeader
  size: PlannedSize
  /** The engine already has the embedding of this image in this size. */
  cached: boolean
}

/** Returns the receipt of an image. Its sizes are those of the header (`original`) and of the plan (`sent`). */
export function createReceipt ({ file, header, size, cached }: ReceiptImage): Receipt {
  return {
    id: file.id,
    original: { width: header.width, height: header.height },
    sent: { width: size.width, height: size.height },
    format: header.format,
    bytes: file.bytes,
    tokens: size.tokens,
    compressed: !isReady(header, size),
    scaled: size.scaled,
    cached,
    ...placeOf(file)
  }
}

/** Returns where the image is in its file. */
function placeOf ({ id, name = '', document = id, part }: ReceiptImage['file']): Pick<Receipt, 'document' | 'frame'> {
  switch (part?.type) {
    case 'page': return { document: { id: document, name, page: part.page, pages: part.pages } }
    case 'frame': return { frame: { number: part.frame, frames: part.frames, time_ms: part.timeMs } }
    case undefined: return {}
  }
}
