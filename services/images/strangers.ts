import type { Phrase } from '../../errors/language.ts'
import { FILE_KINDS, IMAGE_ADVICE, IMAGE_KINDS } from '../../errors/phrases.ts'

/** A file that is not accepted: phrases that complete the sentence "photo.jpg is …; …". */
export interface Stranger { seems: Phrase, advice: Phrase }

export const image = (seems: Phrase): Stranger => ({ seems, advice: IMAGE_ADVICE.convert })
export const other = (seems: Phrase): Stranger => ({ seems, advice: IMAGE_ADVICE.send })

const RAW = image(IMAGE_KINDS.raw)
const JPEG_2000 = image(IMAGE_KINDS.jpeg2000)
const JPEG_XL = image(IMAGE_KINDS.jpegXl)
const ICON = image(IMAGE_KINDS.icon)
const ARCHIVE = other(FILE_KINDS.archive)
const ARRAY = image(FILE_KINDS.array)
const VIDEO = other(FILE_KINDS.video)
const SOUND = other(FILE_KINDS.sound)

/** Bytes at an offset by which a format is recognized. The first one that is present decides. */
const MAGICS: Array<[magic: string, stranger: Stranger, at?: number]> = [
  ['\xff\x0a', JPEG_XL],
  ['\0\0\0\x0cJXL ', JPEG_XL],
  ['\0\0\0\x0cjP  ', JPEG_2000],
  ['\xff\x4f\xff\x51', JPEG_2000],
  ['II\xbc\x01', image(IMAGE_KINDS.jpegXr)],
  ['8BPS', image(IMAGE_KINDS.photoshop)],
  ['gimp xcf', image(IMAGE_KINDS.gimp)],
  ['\0\0\x01\0', ICON],
  ['icns', ICON],
  ['DDS ', image(IMAGE_KINDS.dds)],
  ['\xabKTX ', image(IMAGE_KINDS.ktx)],
  ['\x76\x2f\x31\x01', image(IMAGE_KINDS.exr)],
  ['#?RADIANCE', image(IMAGE_KINDS.radiance)],
  ['#?RGBE', image(IMAGE_KINDS.radiance)],
  ['DICM', image(IMAGE_KINDS.dicom), 128],
  ['n+1\0', image(IMAGE_KINDS.nifti), 344],
  ['SIMPLE  =', image(IMAGE_KINDS.fits)],
  ['ZISRAWFILE', image(IMAGE_KINDS.zeiss)],
  ['qoif', image(IMAGE_KINDS.qoi)],
  ['BPG\xfb', image(IMAGE_KINDS.bpg)],
  ['FLIF', image(IMAGE_KINDS.flif)],
  ['\x0a\x05\x01', image(IMAGE_KINDS.pcx)],
  ['\x01\xda\0', image(IMAGE_KINDS.sgi)],
  ['\x01\xda\x01', image(IMAGE_KINDS.sgi)],
  ['\x08\xf2\xa6\xb6', image(IMAGE_KINDS.vips)],
  ['\xb6\xa6\xf2\x08', image(IMAGE_KINDS.vips)],
  ['\xd7\xcd\xc6\x9a', image(IMAGE_KINDS.metafile)],
  [' EMF', image(IMAGE_KINDS.metafile), 40],
  ['%!PS', image(IMAGE_KINDS.postScript)],
  ['\xc5\xd0\xd3\xc6', image(IMAGE_KINDS.postScript)],
  // Cameras of Fujifilm, Olympus, Panasonic, Canon (CRW), Sigma and Minolta.
  ['FUJIFILMCCD-RAW', image(IMAGE_KINDS.rawOf('Fujifilm'))],
  ['IIRO', image(IMAGE_KINDS.rawOf('Olympus'))],
  ['IIRS', image(IMAGE_KINDS.rawOf('Olympus'))],
  ['MMOR', image(IMAGE_KINDS.rawOf('Olympus'))],
  ['IIU\0', image(IMAGE_KINDS.rawOf('Panasonic'))],
  ['HEAPCCDR', image(IMAGE_KINDS.rawOf('Canon')), 6],
  ['FOVb', RAW],
  ['\0MRM', RAW],
  ['\x93NUMPY', ARRAY],
  ['\x89HDF', ARRAY],
  ['MATLAB 5.0', ARRAY],
  ['PK\x03\x04', other(FILE_KINDS.zip)],
  ['\xd0\xcf\x11\xe0', image(FILE_KINDS.office)],
  ['\x1f\x8b', ARCHIVE],
  ['BZh', ARCHIVE],
  ['\xfd7zXZ', ARCHIVE],
  ['7z\xbc\xaf', ARCHIVE],
  ['Rar!', ARCHIVE],
  ['\x28\xb5\x2f\xfd', ARCHIVE],
  ['ustar', ARCHIVE, 257],
  ['\0\x05\x16\x07', other(FILE_KINDS.appleDouble)],
  ['\x1aE\xdf\xa3', VIDEO],
  ['\0\0\x01\xba', VIDEO],
  ['FLV\x01', VIDEO],
  ['ID3', SOUND],
  ['fLaC', SOUND],
  ['OggS', other(FILE_KINDS.soundOrVideo)],
  ['RIFF', other(FILE_KINDS.soundOrVideo)],
  ['\x7fELF', other(FILE_KINDS.program)]
]

/**
 * Returns the format of a file that is not accepted.
 * @param head the first `KIND_BYTES` bytes of the file
 * @returns null if the format is unknown
 */
export function strangerOf (head: Buffer): Stranger | null {
  const starts = (magic: string, at = 0): boolean => head.toString('latin1', at, at + magic.length) === magic
  if (isBmp(head)) return image(IMAGE_KINDS.bmp)
  const known = MAGICS.find(([magic, , at]) => starts(magic, at))
  if (known !== undefined) return known[1]
  const text = head.toString('latin1', 0, 20)
  if (/^P(?:[1-6]\s+[\d#]|7\n)/.test(text)) return image(IMAGE_KINDS.netpbm)
  if (/^P[Ff]\s\d/.test(text)) return image(IMAGE_KINDS.pfm)
  return isTga(head) ? image(IMAGE_KINDS.tga) : null
}

/** Sizes in bytes of the second header of a BMP, from OS/2 1.0 to V5. It follows a file header of 14 bytes. */
const BMP_HEADER_BYTES = new Set([12, 40, 52, 56, 64, 108, 124])

function isBmp (head: Buffer): boolean {
  return head.length >= 18 && head.toString('latin1', 0, 2) === 'BM' && BMP_HEADER_BYTES.has(head.readUInt32LE(14))
}

/** Colours by a palette, true colours and greys, each also with runs. */
const TGA_TYPES = new Set([1, 2, 3, 9, 10, 11])
const TGA_BITS = new Set([8, 15, 16, 24, 32])

/** A TGA starts without a magic number, so all fields of its header must have possible values. */
function isTga (head: Buffer): boolean {
  if (head.length < 18) return false
  const [palette, type, bits, flags] = [head[1]!, head[2]!, head[16]!, head[17]!]
  const paletteFits = type === 1 || type === 9
    ? palette === 1 && TGA_BITS.has(head[7]!)
    : palette === 0 && head.subarray(3, 8).every(byte => byte === 0)
  return TGA_TYPES.has(type) && paletteFits && TGA_BITS.has(bits) && (flags & 0xc0) === 0 &&
    head.readUInt16LE(12) > 0 && head.readUInt16LE(14) > 0
}
