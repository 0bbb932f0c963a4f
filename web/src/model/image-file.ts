import type { Message } from '../i18n/index.ts'

/** The limits of the service that the page can check before sending. */
export interface Limits {
  maxImages: number
  maxFileSizeMb: number
  maxInputPixels: number
  maxAvifPixels: number
  maxHeicPixels: number
}

export interface ImageFile {
  /** The media type, detected from the bytes; null for a format that the service does not accept. */
  type: string | null
  width: number | null
  height: number | null
}

export const MB = 1024 * 1024
/** The media type of documents. Each of their pages is an image. */
export const DOCUMENT = 'application/pdf'
const MAX_RATIO = 200

/** Inspects a file by its bytes, as the service does. */
export async function readImageFile (file: Blob): Promise<ImageFile> {
  const type = typeOf(new Uint8Array(await file.slice(0, 32).arrayBuffer()))
  if (type === null || type === DOCUMENT) return { type, width: null, height: null }
  try {
    // The service counts pixels after EXIF rotation.
    const bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' })
    const { width, height } = bitmap
    bitmap.close()
    return { type, width, height }
  } catch {
    // The browser cannot decode TIFF, damaged files and often HEIC. The service decides about them.
    return { type, width: null, height: null }
  }
}

export function typeOf (bytes: Uint8Array): string | null {
  const text = (from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to))
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'image/jpeg'
  if (text(0, 8) === '\x89PNG\r\n\x1a\n') return 'image/png'
  if (text(0, 4) === 'RIFF' && text(8, 12) === 'WEBP') return 'image/webp'
  if (/^GIF8[79]a$/.test(text(0, 6))) return 'image/gif'
  if (['II*\0', 'MM\0*'].includes(text(0, 4))) return 'image/tiff'
  if (text(0, 5) === '%PDF-') return DOCUMENT
  if (text(4, 8) === 'ftyp' && /avif|avis/.test(text(8, 32))) return 'image/avif'
  if (text(4, 8) === 'ftyp' && /he[iv][cxms]|m[is]f1/.test(text(8, 32))) return 'image/heic'
  return null
}

/** The reason why the service would refuse an image; null when none is known. */
export function faultOf (
  { type, width, height }: ImageFile, bytes: number,
  { maxFileSizeMb, maxInputPixels, maxAvifPixels, maxHeicPixels }: Limits
): Message | null {
  if (bytes === 0) return { key: 'image.empty' }
  if (type === null) return { key: 'image.unsupported' }
  if (bytes > maxFileSizeMb * MB) {
    return { key: 'image.tooLarge', values: { size: (bytes / MB).toFixed(1), limit: String(maxFileSizeMb) } }
  }
  if (width === null || height === null) return null
  const limit = type === 'image/avif' ? maxAvifPixels : type === 'image/heic' ? maxHeicPixels : maxInputPixels
  if (width * height > limit) {
    return {
      key: 'image.tooManyPixels', values: { size: `${width} × ${height}`, limit: String(Math.floor(limit / 1e6)) }
    }
  }
  if (Math.max(width, height) > MAX_RATIO * Math.min(width, height)) {
    return { key: 'image.tooNarrow', values: { size: `${width} × ${height}` } }
  }
  return null
}
