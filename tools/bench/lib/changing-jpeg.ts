const START_OF_IMAGE_BYTES = 2
const COMMENT_MARKER = 0xfffe

/**
 * Returns a copy of a JPEG with a comment. Each comment gives other bytes for the same pixels, so that no cache
 * contains the image.
 */
export function withComment (jpeg: Buffer, comment: string): Buffer {
  const text = Buffer.from(comment)
  const head = Buffer.alloc(4)
  head.writeUInt16BE(COMMENT_MARKER, 0)
  head.writeUInt16BE(text.length + 2, 2)
  return Buffer.concat([jpeg.subarray(0, START_OF_IMAGE_BYTES), head, text, jpeg.subarray(START_OF_IMAGE_BYTES)])
}
