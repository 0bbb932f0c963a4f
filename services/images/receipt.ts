import type { Receipt } from '../../schemas/image.ts'
import type { ImageHeader } from './inspect.ts'
import type { PlannedSize } from './plan.ts'
import { isReady } from './prepare.ts'

/** An image that is planned. `file.id` is `sha256:<64 hex digits>`, the hash of the bytes that the client sent. */
interface ReceiptImage {
  file: { id: string, bytes: number }
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
    cached
  }
}
