import type { Phrase } from '../../errors/language.ts'
import { IMAGE_KINDS } from '../../errors/phrases.ts'
import type { Reader } from './structure/reader.ts'

/** What the first directory of a TIFF says about the pixels. */
export interface TiffTraits {
  /** Completes the sentence "photo.tif is …" if no decoder for these pixels is present. */
  unsupported: Phrase | null
  /** The value 0 is white, e.g. in X-ray images. */
  zeroIsWhite: boolean
  /** The file has a channel more than its colours, and does not say that it is alpha. */
  hasExtra: boolean
  /** The value that marks samples without a measurement. */
  nodata: number | null
}

/** Compressions for which libtiff has no decoder in sharp. */
const COMPRESSIONS: Record<number, string> = {
  6: 'old-style JPEG',
  22610: 'JPEG XR',
  32909: 'PixarLog',
  33003: 'JPEG 2000',
  33004: 'JPEG 2000',
  33005: 'JPEG 2000',
  34661: 'JBIG',
  34712: 'JPEG 2000',
  34887: 'LERC',
  34925: 'LZMA',
  34927: 'WebP',
  34934: 'JPEG XR',
  50000: 'Zstandard',
  50001: 'WebP',
  50002: 'JPEG XL',
  52546: 'JPEG XL'
}
/** Compressions that libtiff decodes: none, CCITT, LZW, JPEG, Deflate, PackBits and other runs, LogLuv. */
const DECODED = new Set([1, 2, 3, 4, 5, 7, 8, 32766, 32771, 32773, 32809, 32946, 34676, 34677])
/** Compressions that only cameras write. */
const RAW_COMPRESSIONS = new Set([32767, 32769, 32770, 34713, 65000, 65535])
const COLOUR_FILTER = 32803
const LINEAR_RAW = 34892
const LOG_COLOURS = new Set([32844, 32845])
const [ZERO_IS_WHITE, ZERO_IS_BLACK, RGB] = [0, 1, 2]
const [CIE_LAB, ICC_LAB, ITU_LAB] = [8, 9, 10]
/** A value of `extraSamples`. The others are kinds of alpha. */
const UNSPECIFIED = 0
const [FLOAT, COMPLEX_INTEGER, COMPLEX] = [3, 5, 6]
/** Files with more samples are damaged. */
const MAX_CHANNELS = 64
const MAX_TAGS = 200
const MAX_NAME_BYTES = 40

const Tag = {
  subfile: 254,
  bits: 258,
  compression: 259,
  photometric: 262,
  make: 271,
  samples: 277,
  subDirectories: 330,
  extraSamples: 338,
  sampleFormat: 339,
  nodata: 42113,
  dngVersion: 50706
} as const

const CLASSIC = { first: 4, offset: 4, count: 2, entry: 12 } as const
const BIG = { first: 8, offset: 8, count: 8, entry: 20 } as const

interface Directory {
  has (tag: number): boolean
  /** Returns the first value of a tag that has numbers of 16 or 32 bits. */
  number (tag: number, otherwise: number): Promise<number>
  text (tag: number): Promise<string>
  /** Bytes 8 and 9 of the file, between the header and the first directory. */
  signature: string
}

/** Reads the first directory of a TIFF. */
export async function readTiffTraits (reader: Reader): Promise<TiffTraits> {
  const directory = await readDirectory(reader)
  if (directory === null) return { unsupported: null, zeroIsWhite: false, hasExtra: false, nodata: null }
  return {
    unsupported: await rawPhoto(directory) ?? await unsupported(directory),
    zeroIsWhite: await directory.number(Tag.photometric, RGB) === ZERO_IS_WHITE,
    hasExtra: await directory.number(Tag.extraSamples, UNSPECIFIED) === UNSPECIFIED && await isOneMore(directory),
    nodata: await nodataOf(directory)
  }
}

async function readDirectory (reader: Reader): Promise<Directory | null> {
  const head = Buffer.from((await reader.from(0, 16)).subarray(0, 16))
  if (head.length < 16) return null
  const little = head.toString('latin1', 0, 2) === 'II'
  const number = (bytes: Buffer, at: number, size: 2 | 4 | 8): number => {
    if (size === 8) return Number(little ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at))
    return little ? bytes.readUIntLE(at, size) : bytes.readUIntBE(at, size)
  }
  const sizes = number(head, 2, 2) === 43 ? BIG : CLASSIC
  const at = number(head, sizes.first, sizes.offset)
  const start = await reader.from(at, sizes.count)
  if (start.length < sizes.count) return null
  const tags = Math.min(number(start, 0, sizes.count), MAX_TAGS)
  const bytes = await reader.from(at, sizes.count + tags * sizes.entry)
  const entries = new Map<number, Buffer>()
  for (let i = 0; i < tags; i++) {
    const entryAt = sizes.count + i * sizes.entry
    const entry = Buffer.from(bytes.subarray(entryAt, entryAt + sizes.entry))
    if (entry.length === sizes.entry) entries.set(number(entry, 0, 2), entry)
  }

  /** Returns the bytes of a value, which are in the entry or elsewhere in the file. */
  const valueOf = async (entry: Buffer, bytesOfOne: number): Promise<Buffer> => {
    const length = Math.min(number(entry, 4, sizes.offset) * bytesOfOne, MAX_NAME_BYTES)
    const valueAt = 4 + sizes.offset
    return length <= sizes.offset
      ? entry.subarray(valueAt, valueAt + length)
      : (await reader.from(number(entry, valueAt, sizes.offset), length)).subarray(0, length)
  }
  return {
    has: tag => entries.has(tag),
    async number (tag, otherwise) {
      const entry = entries.get(tag)
      if (entry === undefined) return otherwise
      const size = number(entry, 2, 2) === 4 ? 4 : 2
      const value = await valueOf(entry, size)
      return value.length < size ? otherwise : number(value, 0, size)
    },
    async text (tag) {
      const entry = entries.get(tag)
      return entry === undefined ? '' : (await valueOf(entry, 1)).toString('latin1').replace(/[^ -~].*$/s, '').trim()
    },
    signature: head.toString('latin1', 8, 10)
  }
}

/** Whether a pixel has one sample more than its colours need. */
async function isOneMore (directory: Directory): Promise<boolean> {
  const samples = await directory.number(Tag.samples, 1)
  const colours = await directory.number(Tag.photometric, RGB) === RGB ? 3 : 1
  return samples === colours + 1
}

/** GDAL writes the value as text, e.g. `-9999`, and `nan` for no number. */
async function nodataOf (directory: Directory): Promise<number | null> {
  const text = await directory.text(Tag.nodata)
  const value = Number(text)
  return text === '' || !Number.isFinite(value) ? null : value
}

/** Names of makers as people write them, by the first word of the tag. */
const MAKERS: Record<string, string> = {
  CANON: 'Canon',
  NIKON: 'Nikon',
  SONY: 'Sony',
  PENTAX: 'Pentax',
  RICOH: 'Ricoh',
  SAMSUNG: 'Samsung',
  HASSELBLAD: 'Hasselblad',
  PHASE: 'Phase One',
  LEAF: 'Leaf',
  KODAK: 'Kodak',
  EPSON: 'Epson',
  LEICA: 'Leica'
}

/**
 * Returns a phrase for a raw photo: DNG, CR2, NEF, ARW, PEF, SRW and others. Decoders of TIFF would read the small
 * preview in its first directory.
 */
async function rawPhoto (directory: Directory): Promise<Phrase | null> {
  if (directory.has(Tag.dngVersion)) return IMAGE_KINDS.dng
  if (directory.signature === 'CR') return IMAGE_KINDS.rawOf('Canon')
  const isPreview = (await directory.number(Tag.subfile, 0) & 1) === 1
  const isRaw = RAW_COMPRESSIONS.has(await directory.number(Tag.compression, 1)) ||
    [COLOUR_FILTER, LINEAR_RAW].includes(await directory.number(Tag.photometric, RGB)) ||
    (isPreview && directory.has(Tag.subDirectories) && directory.has(Tag.make))
  if (!isRaw) return null
  const maker = MAKERS[(await directory.text(Tag.make)).toUpperCase().split(/[ ,]/)[0]!]
  return maker === undefined ? IMAGE_KINDS.raw : IMAGE_KINDS.rawOf(maker)
}

async function unsupported (directory: Directory): Promise<Phrase | null> {
  const method = await directory.number(Tag.compression, 1)
  const compression = COMPRESSIONS[method]
  if (compression !== undefined) return IMAGE_KINDS.tiffCompressed(compression)
  if (!DECODED.has(method)) return IMAGE_KINDS.tiffMethod(method)

  const bits = await directory.number(Tag.bits, 1)
  const photometric = await directory.number(Tag.photometric, RGB)
  if (photometric === CIE_LAB && bits === 8) return IMAGE_KINDS.tiffColour('CIELAB')
  if (photometric === ICC_LAB || photometric === ITU_LAB) return IMAGE_KINDS.tiffColour('CIELAB')
  if (LOG_COLOURS.has(photometric)) return IMAGE_KINDS.tiffColour('LogLuv')

  const format = await directory.number(Tag.sampleFormat, 1)
  if (format === COMPLEX_INTEGER || format === COMPLEX) return IMAGE_KINDS.tiffComplex
  if (format === FLOAT && bits === 16) return IMAGE_KINDS.tiffHalf
  if ([10, 12, 14, 24, 64].includes(bits)) return IMAGE_KINDS.tiffPacked(bits)

  const samples = await directory.number(Tag.samples, 1)
  const most = photometric === RGB ? 4 : 2
  const counted = [ZERO_IS_WHITE, ZERO_IS_BLACK, RGB].includes(photometric)
  return counted && samples > most && samples <= MAX_CHANNELS ? IMAGE_KINDS.tiffChannels(samples) : null
}
