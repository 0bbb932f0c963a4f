import { FILE_KINDS, IMAGE_KINDS } from '../../errors/phrases.ts'
import { image, other, strangerOf, type Stranger } from './strangers.ts'

/** The image formats that the service accepts. */
export type ImageFormat = 'jpeg' | 'png' | 'webp' | 'avif' | 'heic' | 'gif' | 'tiff'

/** An accepted format, or phrases about other content. */
export type Kind = { format: ImageFormat } | { format: null } & Stranger

/** `kindOf` needs this many bytes from the start of a file. */
export const KIND_BYTES = 4096

const HEIF_BRANDS = new Set(['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'hevm', 'hevs', 'mif1', 'msf1'])

/** JPEG-LS has the start of a JPEG, followed by a marker of its own. */
const JPEG_LS = '\xff\xd8\xff\xf7'

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

/**
 * Detects the kind of a file from its first bytes. The name of the file does not matter.
 *
 * @param head the first `KIND_BYTES` bytes of the file, or the whole file if it is shorter
 * @example
 * kindOf(Buffer.from('GIF89a')) // { format: 'gif' }
 * kindOf(Buffer.from('%PDF-1.7')) // { format: null, seems: …, advice: … }
 */
export function kindOf (head: Buffer): Kind {
  const starts = (magic: string): boolean => head.toString('latin1', 0, magic.length) === magic

  if (starts(JPEG_LS)) return { format: null, ...image(IMAGE_KINDS.jpegLs) }
  const accepted = IMAGES.find(([magic]) => starts(magic))
  if (accepted !== undefined) return { format: accepted[1] }
  if (starts('RIFF') && head.toString('latin1', 8, 12) === 'WEBP') return { format: 'webp' }
  if (head.toString('latin1', 4, 8) === 'ftyp') return kindOfContainer(head)
  return { format: null, ...strangerOf(head) ?? kindOfText(head) }
}

/** Distinguishes AVIF, HEIC, raw photos and MP4, which share a container (ISO 14496-12), by its brands. */
function kindOfContainer (head: Buffer): Kind {
  const end = Math.min(head.length, head.readUInt32BE(0))
  const major = head.toString('latin1', 8, 12)
  const brands = [major]
  for (let at = 16; at + 4 <= end; at += 4) brands.push(head.toString('latin1', at, at + 4))

  if (brands.includes('avif') || brands.includes('avis')) return { format: 'avif' }
  if (major === 'crx ') return { format: null, ...image(IMAGE_KINDS.rawOf('Canon')) }
  if (major.startsWith('M4A')) return { format: null, ...other(FILE_KINDS.sound) }
  if (brands.some(brand => HEIF_BRANDS.has(brand))) return { format: 'heic' }
  return { format: null, ...other(FILE_KINDS.video) }
}

function kindOfText (head: Buffer): Stranger {
  let text: string
  try {
    // `stream` because the last character may be incomplete.
    text = new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true }).trimStart()
  } catch {
    return other(FILE_KINDS.notAnImage)
  }
  if (/^<(!doctype\s+html|html)[\s>]/i.test(text)) return other(FILE_KINDS.html)
  if (text.startsWith('<') && /<(\w+:)?svg[\s>]/i.test(text)) return image(IMAGE_KINDS.svg)
  return other(text.includes('\0') ? FILE_KINDS.notAnImage : FILE_KINDS.text)
}
