/** The kinds of images that are accepted. */
export type ImageFormat = 'jpeg' | 'png' | 'webp' | 'avif' | 'gif' | 'tiff'

/** An accepted format, or else what the bytes seem to be, as a phrase that completes "photo.jpg is …". */
export type Kind = { format: ImageFormat } | { format: null, seems: string }

/** So many bytes from the start of a file are enough for `kindOf`. */
export const KIND_BYTES = 4096

const HEIF_BRANDS = new Set(['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'hevm', 'hevs', 'mif1', 'msf1'])

// Sizes of the header that follows the 14 bytes of a BMP's file header, from OS/2 1.0 to V5.
const BMP_HEADER_BYTES = new Set([12, 40, 52, 56, 64, 108, 124])

const IMAGES: Array<[magic: string, format: ImageFormat]> = [
  ['\xff\xd8\xff', 'jpeg'],
  ['\x89PNG\r\n\x1a\n', 'png'],
  ['GIF87a', 'gif'],
  ['GIF89a', 'gif'],
  ['II*\0', 'tiff'],
  ['MM\0*', 'tiff'],
  ['II+\0', 'tiff'], // BigTIFF
  ['MM\0+', 'tiff']
]

const STRANGERS: Array<[magic: string, seems: string]> = [
  ['\xff\x0a', 'a JPEG XL picture'],
  ['\0\0\0\x0cJXL ', 'a JPEG XL picture'],
  ['\0\0\0\x0cjP  ', 'a JPEG 2000 picture'],
  ['8BPS', 'a Photoshop document'],
  ['\0\0\x01\0', 'an icon'],
  ['PK\x03\x04', 'a ZIP archive or an office document'],
  ['\x1f\x8b', 'a compressed archive'],
  ['\x1aE\xdf\xa3', 'a video'],
  ['RIFF', 'a sound or a video']
]

/**
 * Tells what a file is by its first bytes, whatever it is called.
 *
 * @param head the first `KIND_BYTES` bytes of the file, or all of it if it is shorter
 */
export function kindOf (head: Buffer): Kind {
  const starts = (magic: string): boolean => head.toString('latin1', 0, magic.length) === magic

  const image = IMAGES.find(([magic]) => starts(magic))
  if (image !== undefined) return { format: image[1] }
  if (starts('RIFF') && head.toString('latin1', 8, 12) === 'WEBP') return { format: 'webp' }
  if (head.toString('latin1', 4, 8) === 'ftyp') return kindOfContainer(head)

  if (isBmp(head)) return { format: null, seems: 'a BMP picture' }
  // Readers of PDF allow rubbish before its header.
  if (head.subarray(0, 1024).includes('%PDF-')) return { format: null, seems: 'a PDF document' }
  const stranger = STRANGERS.find(([magic]) => starts(magic))
  return { format: null, seems: stranger?.[1] ?? kindOfText(head) }
}

// AVIF, HEIC and MP4 share one container (ISO 14496-12); the brands in its first box tell them apart.
function kindOfContainer (head: Buffer): Kind {
  const end = Math.min(head.length, head.readUInt32BE(0))
  const brands = [head.toString('latin1', 8, 12)]
  for (let at = 16; at + 4 <= end; at += 4) brands.push(head.toString('latin1', at, at + 4))

  if (brands.includes('avif') || brands.includes('avis')) return { format: 'avif' }
  const heif = brands.some(brand => HEIF_BRANDS.has(brand))
  return { format: null, seems: heif ? 'a HEIC picture' : 'a video' }
}

function isBmp (head: Buffer): boolean {
  return head.length >= 18 && head.toString('latin1', 0, 2) === 'BM' && BMP_HEADER_BYTES.has(head.readUInt32LE(14))
}

function kindOfText (head: Buffer): string {
  let text: string
  try {
    // `stream`, since the last character may be cut in two.
    text = new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true }).trimStart()
  } catch {
    return 'not a picture'
  }
  if (/^<(!doctype\s+html|html)[\s>]/i.test(text)) return 'an HTML page'
  if (text.startsWith('<') && /<(\w+:)?svg[\s>]/i.test(text)) return 'an SVG drawing'
  return text.includes('\0') ? 'not a picture' : 'a text file'
}
