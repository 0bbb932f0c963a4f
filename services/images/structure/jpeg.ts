import type { Phrase } from '../../../errors/language.ts'
import { IMAGE_KINDS } from '../../../errors/phrases.ts'
import { Bound } from './bound.ts'
import type { Reader } from './reader.ts'

/** Maximum number of segments. A camera writes dozens, the largest profile needs 255. A decoder keeps all in memory. */
export const MAX_JPEG_SEGMENTS = 1000
/**
 * Maximum number of scans. Progressive encoders write about a dozen. A decoder processes the whole image for each scan,
 * even for a scan of ten bytes that changes nothing.
 * @see LJT-01-004 in https://libjpeg-turbo.org/pmwiki/uploads/About/TwoIssueswiththeJPEGStandard.pdf
 */
export const MAX_JPEG_SCANS = 100

const START_OF_SCAN = 0xda
const END_OF_IMAGE = 0xd9
/** Markers of frames that are decoded in several passes. */
const PROGRESSIVE = new Set([0xc2, 0xc6, 0xca, 0xce])

/**
 * Counts the segments and scans of a JPEG.
 * @param label the name of the file in messages
 * @throws CorruptImageError
 */
export async function checkJpeg (reader: Reader, label: string): Promise<void> {
  const segments = new Bound(label, MAX_JPEG_SEGMENTS, {
    en: `it has more than ${MAX_JPEG_SEGMENTS} segments`, zh: `数据段超过 ${MAX_JPEG_SEGMENTS} 个`
  })
  const scans = new Bound(label, MAX_JPEG_SCANS, {
    en: `it has more than ${MAX_JPEG_SCANS} scans`, zh: `扫描次数超过 ${MAX_JPEG_SCANS}`
  })
  let severalPasses = false
  let components = 0

  for (let at = 2; ;) {
    const marker = await nextMarker(reader, at)
    if (marker === null || marker.code === END_OF_IMAGE) return
    const { code, end } = marker
    const head = await reader.from(end, 8)
    if (head.length < 8) return
    if (isFrame(code)) {
      components = head[7]!
      severalPasses ||= PROGRESSIVE.has(code)
    }
    if (code === START_OF_SCAN) {
      severalPasses ||= head[2]! < components
      // Decoders ignore everything after the scan of a baseline JPEG.
      if (!severalPasses) return
      scans.add()
    } else {
      segments.add()
    }
    // For an invalid length below 2, decoders skip two bytes.
    at = hasLength(code) ? end + Math.max(2, head.readUInt16BE(0)) : end
  }
}

/** Frames that libjpeg cannot decode. */
const LOSSLESS = new Set([0xc3, 0xc7, 0xcb, 0xcf])
const HIERARCHICAL = new Set([0xc5, 0xc6, 0xcd, 0xce])
const JPEG_LS = 0xf7
/** Heads of cameras have dozens of segments. `checkJpeg` refuses longer ones. */
const MAX_HEAD_SEGMENTS = MAX_JPEG_SEGMENTS

/** Returns a phrase for a JPEG that is complete but that no decoder is present for; null for other files. */
export async function unsupportedJpeg (reader: Reader): Promise<Phrase | null> {
  for (let at = 2, segments = 0; segments < MAX_HEAD_SEGMENTS; segments++) {
    const marker = await nextMarker(reader, at)
    if (marker === null || marker.code === END_OF_IMAGE || marker.code === START_OF_SCAN) return null
    const { code, end } = marker
    const head = await reader.from(end, 8)
    if (head.length < 8) return null
    if (code === JPEG_LS) return IMAGE_KINDS.jpegLs
    if (isFrame(code)) return frameFault(code, head[2]!)
    at = hasLength(code) ? end + Math.max(2, head.readUInt16BE(0)) : end
  }
  return null
}

function frameFault (code: number, bits: number): Phrase | null {
  if (LOSSLESS.has(code)) return IMAGE_KINDS.jpegLossless
  if (HIERARCHICAL.has(code)) return IMAGE_KINDS.jpegHierarchical
  return bits === 12 || bits === 16 ? IMAGE_KINDS.jpegBits(bits) : null
}

const isFrame = (code: number) => code >= 0xc0 && code <= 0xcf && code !== 0xc4 && code !== 0xc8 && code !== 0xcc
/** Returns true for all markers except TEM and the start of an image. */
const hasLength = (code: number) => code !== 0x01 && code !== 0xd8

/** Finds the first marker at or after an offset and skips coded pixels and stray bytes; null if there is none. */
async function nextMarker (reader: Reader, start: number): Promise<{ code: number, end: number } | null> {
  for (let at = start; ;) {
    const bytes = await reader.from(at, 2)
    if (bytes.length < 2) return null
    const found = markerIn(bytes)
    if (found !== -1) return { code: bytes[found + 1]!, end: at + found + 2 }
    // The last byte can be the first byte of a marker.
    at += bytes.length - 1
  }
}

/** Returns the offset of the first marker; -1 if there is none. */
function markerIn (bytes: Buffer): number {
  // In a file full of 0xff, `indexOf` would be called for every second byte.
  for (let i = 0; i + 1 < bytes.length; i++) {
    if (bytes[i] !== 0xff) continue
    const code = bytes[i + 1]!
    // In coded pixels a zero follows 0xff. Restart markers belong to the pixels.
    if (code !== 0 && code !== 0xff && !(code >= 0xd0 && code <= 0xd7)) return i
  }
  return -1
}
