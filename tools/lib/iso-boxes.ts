import { be32, join } from './bytes.ts'

/**
 * A box of the ISO base media file format, the container of AVIF.
 * @param length the size that the box claims, its header of 8 bytes included
 */
export function box (type: string, content: Buffer, length = content.length + 8): Buffer {
  return join(be32(length), type, content)
}

/** A box whose content begins with a version and flags of zero. */
export function full (type: string, version: number, ...content: Array<Buffer | string | number>): Buffer {
  return box(type, join(version, 0, 0, 0, ...content))
}

/** The property of an AVIF item that states its size in pixels. */
export const sized = (width: number, height: number) => full('ispe', 0, be32(width, height))
