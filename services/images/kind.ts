import type { Phrase } from '../../errors/language.ts'
import { IMAGE_KINDS } from '../../errors/phrases.ts'

/** The image formats that the service accepts. */
export type ImageFormat = 'jpeg' | 'png' | 'webp' | 'avif' | 'gif' | 'tiff'

/** An accepted format, or a phrase for other content that completes the sentence "photo.jpg is …". */
export type Kind = { format: ImageFormat } | { format: null, seems: Phrase }

/** `kindOf` needs this many bytes from the start of a file. */
export const KIND_BYTES = 4096

const HEIF_BRANDS = new Set(['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'hevm', 'hevs', 'mif1', 'msf1'])

/** Sizes in bytes of the second header of a BMP, from OS/2 1.0 to V5. It follows a file header of 14 bytes. */
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

const STRANGERS: Array<[magic: string, seems: Phrase]> = [
  ['\xff\x0a', IMAGE_KINDS.jpegXl],
  ['\0\0\0\x0cJXL ', IMAGE_KINDS.jpegXl],
  ['\0\0\0\x0cjP  ', IMAGE_KINDS.jpeg2000],
  ['8BPS', IMAGE_KINDS.photoshop],
  ['\0\0\x01\0', IMAGE_KINDS.icon],
  ['PK\x03\x04', IMAGE_KINDS.zip],
  ['\x1f\x8b', IMAGE_KINDS.archive],
  ['\x1aE\xdf\xa3', IMAGE_KINDS.video],
  ['RIFF', IMAGE_KINDS.soundOrVideo]
]

/**
 * Detects the kind of a file from its first bytes. The name of the file does not matter.
 *
 * @param head the first `KIND_BYTES` bytes of the file, or the whole file if it is shorter
 * @example
 * kindOf(Buffer.from('GIF89a')) // { format: 'gif' }
 * kindOf(Buffer.from('%PDF-1.7')) // { format: null, seems: … }
 */
export function kindOf (head: Buffer): Kind {
  const starts = (magic: string): boolean => head.toString('latin1', 0, magic.length) === magic

  const image = IMAGES.find(([magic]) => starts(magic))
  if (image !== undefined) return { format: image[1] }
  if (starts('RIFF') && head.toString('latin1', 8, 12) === 'WEBP') return { format: 'webp' }
  if (head.toString('latin1', 4, 8) === 'ftyp') return kindOfContainer(head)

  if (isBmp(head)) return { format: null, seems: IMAGE_KINDS.bmp }
  // PDF readers accept other bytes before the header.
  if (head.subarray(0, 1024).includes('%PDF-')) return { format: null, seems: IMAGE_KINDS.pdf }
  const stranger = STRANGERS.find(([magic]) => starts(magic))
  return { format: null, seems: stranger?.[1] ?? kindOfText(head) }
}

/** Distinguishes AVIF, HEIC and MP4, which share a container (ISO 14496-12), by the brands in its first box. */
function kindOfContainer (head: Buffer): Kind {
  const end = Math.min(head.length, head.readUInt32BE(0))
  const brands = [head.toString('latin1', 8, 12)]
  for (let at = 16; at + 4 <= end; at += 4) brands.push(head.toString('latin1', at, at + 4))

  if (brands.includes('avif') || brands.includes('avis')) return { format: 'avif' }
  const heif = brands.some(brand => HEIF_BRANDS.has(brand))
  return { format: null, seems: heif ? IMAGE_KINDS.heic : IMAGE_KINDS.video }
}

function isBmp (head: Buffer): boolean {
  return head.length >= 18 && head.toString('latin1', 0, 2) === 'BM' && BMP_HEADER_BYTES.has(head.readUInt32LE(14))
}

function kindOfText (head: Buffer): Phrase {
  let text: string
  try {
    // `stream` because the last character may be incomplete.
    text = new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true }).trimStart()
  } catch {
    return IMAGE_KINDS.notAnImage
  }
  if (/^<(!doctype\s+html|html)[\s>]/i.test(text)) return IMAGE_KINDS.html
  if (text.startsWith('<') && /<(\w+:)?svg[\s>]/i.test(text)) return IMAGE_KINDS.svg
  return text.includes('\0') ? IMAGE_KINDS.notAnImage : IMAGE_KINDS.text
}
