import { Type, type Static } from 'typebox'

/**
 * Ids of images: the SHA-256 of the bytes that were sent. Receipts contain them, and later turns name images by them.
 */
export const IMAGE_ID_PATTERN = '^sha256:[0-9a-f]{64}$'

const sizeSchema = (description: string) => Type.Object({
  width: Type.Integer({ minimum: 1, description: 'Pixels' }),
  height: Type.Integer({ minimum: 1, description: 'Pixels' })
}, { additionalProperties: false, description })

const FormatSchema = Type.Union([
  Type.Literal('jpeg'), Type.Literal('png'), Type.Literal('webp'), Type.Literal('avif'), Type.Literal('heic'),
  Type.Literal('gif'), Type.Literal('tiff')
], { description: 'Format of the file that was sent, read from its bytes' })

/** The report on one image, for the client that sent it. */
export const ReceiptSchema = Type.Object({
  id: Type.String({
    pattern: IMAGE_ID_PATTERN, description: 'SHA-256 of the bytes that were sent; names the image in later turns'
  }),
  original: sizeSchema('Size of the image that was sent, upright (EXIF orientation applied); boxes use these pixels'),
  sent: sizeSchema('Size of the image that the model got'),
  format: FormatSchema,
  bytes: Type.Integer({ minimum: 1, description: 'Size of the file that was sent, in bytes' }),
  tokens: Type.Integer({ minimum: 1, description: 'Tokens (KV cells) that the image takes in the context' }),
  compressed: Type.Boolean({
    description: 'True if the model got a converted or resized copy, false if it got the file as it was sent'
  }),
  scaled: Type.Boolean({
    description: 'True if the image was made smaller than it would be alone, so that all images fit the context'
  }),
  cached: Type.Boolean({
    description: 'True if the image was not encoded again because its embedding was cached. With ENGINE=openai: ' +
      'true if the prepared image was cached'
  })
}, { title: 'Receipt', additionalProperties: false })
export type Receipt = Static<typeof ReceiptSchema>

// Lists of fixed length and not Type.Tuple: `items` as a list of schemas is no longer JSON Schema in OpenAPI 3.1.
const numbersSchema = <T extends number[]>(length: T['length'], description: string) =>
  Type.Unsafe<T>(Type.Array(Type.Number(), { minItems: length, maxItems: length, description }))

const pointed = {
  image: Type.Integer({
    minimum: 0, description: 'Index of the image among all of the conversation, in the order of the prompt, from 0'
  }),
  id: Type.String({ pattern: IMAGE_ID_PATTERN, description: 'Id of the image, as on its receipt' }),
  label: Type.String({ description: 'The name that the model gives it; may be empty' })
}

export const BoxSchema = Type.Object({
  ...pointed,
  box: numbersSchema<[x1: number, y1: number, x2: number, y2: number]>(
    4, 'x1, y1, x2, y2 in pixels of the image that was sent, upright; x1 ≤ x2, y1 ≤ y2'
  )
}, { title: 'Box', additionalProperties: false, description: 'A box that the model drew in its answer' })
export type Box = Static<typeof BoxSchema>

export const PointSchema = Type.Object({
  ...pointed,
  point: numbersSchema<[x: number, y: number]>(2, 'x, y in pixels of the image that was sent, upright')
}, { title: 'Point', additionalProperties: false, description: 'A point that the model set in its answer' })
export type Point = Static<typeof PointSchema>
