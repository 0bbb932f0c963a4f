import { Type, type Static } from 'typebox'
import type { ImageHeader } from './inspect.ts'
import type { PlannedSize } from './plan.ts'

const sizeSchema = (description: string) => Type.Object({
  width: Type.Integer({ minimum: 1, description: 'Pixels' }),
  height: Type.Integer({ minimum: 1, description: 'Pixels' })
}, { additionalProperties: false, description })

/** What became of an image, told to the client that sent it. */
export const ReceiptSchema = Type.Object({
  id: Type.String({
    pattern: '^sha256:[0-9a-f]{64}$',
    description: 'SHA-256 of the bytes that were sent; names the picture in later turns'
  }),
  original: sizeSchema(
    'Size of the picture that was sent, upright (EXIF orientation applied); boxes are in these pixels'
  ),
  sent: sizeSchema('Size at which the model saw the picture'),
  format: Type.Union(
    [
      Type.Literal('jpeg'), Type.Literal('png'), Type.Literal('webp'), Type.Literal('avif'), Type.Literal('gif'),
      Type.Literal('tiff')
    ],
    { description: 'Format of the picture that was sent, read from its bytes' }
  ),
  bytes: Type.Integer({ minimum: 1, description: 'Size of the file that was sent, in bytes' }),
  tokens: Type.Integer({ minimum: 1, description: 'Tokens (KV cells) that the picture takes in the context' }),
  compressed: Type.Boolean({
    description: 'The model saw a converted or resized copy; false: the file as it was sent'
  }),
  scaled: Type.Boolean({
    description: 'Made smaller than it would be alone, so that all pictures of the request fit the context'
  }),
  cached: Type.Boolean(
    {
      description: 'The embedding was already known, so the picture was not encoded again; with ENGINE=openai: the prepared picture was'
    }
  )
}, { title: 'Receipt', additionalProperties: false })

export type Receipt = Static<typeof ReceiptSchema>

export interface ReceiptInput {
  /** `sha256:<64 hex digits>` of the upload. */
  id: string
  /** Size of the upload. */
  bytes: number
  header: Pick<ImageHeader, 'width' | 'height' | 'format'>
  planned: PlannedSize
  compressed: boolean
  cached: boolean
}

export function createReceipt ({ id, bytes, header, planned, compressed, cached }: ReceiptInput): Receipt {
  return {
    id,
    original: { width: header.width, height: header.height },
    sent: { width: planned.width, height: planned.height },
    format: header.format,
    bytes,
    tokens: planned.tokens,
    compressed,
    scaled: planned.scaled,
    cached
  }
}
