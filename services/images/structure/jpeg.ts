import { CorruptImageError } from '../../../errors.ts'
import type { Reader } from './reader.ts'

/** A camera writes some dozens, and the largest profile takes 255. A decoder keeps each in memory. */
const MAX_SEGMENTS = 1000
/**
 * Progressive encoders write about a dozen. A decoder goes through the whole picture for each, even if it says nothing but that it has
 * nothing to say, in ten bytes. See https://libjpeg-turbo.org/pmwiki/uploads/About/TwoIssueswiththeJPEGStandard.pdf, LJT-01-004.
 */
const MAX_SCANS = 100

const START_OF_SCAN = 0xda
const END_OF_IMAGE = 0xd9
/** Frames that are decoded in several passes. */
const PROGRESSIVE = new Set([0xc2, 0xc6, 0xca, 0xce])

/** @throws CorruptImageError for more segments or scans than any encoder writes */
export async function checkJpeg (reader: Reader, label: string): Promise<void> {
  let segments = 0
  let scans = 0
  let severalPasses = false
  let components = 0

  for (let marker = await nextMarker(reader, 2); marker !== null && marker.code !== END_OF_IMAGE; marker = await nextMarker(reader, marker.end)) {
    const { code } = marker
    const head = await reader.from(marker.end, 8)
    if (head.length < 8) return
    if (isFrame(code)) {
      components = head[7]!
      severalPasses ||= PROGRESSIVE.has(code)
    }
    if (code === START_OF_SCAN) {
      severalPasses ||= head[2]! < components
      // Nothing is read behind the only scan.
      if (!severalPasses) return
      if (++scans > MAX_SCANS) throw new CorruptImageError(label, { en: `it has more than ${MAX_SCANS} scans`, zh: `扫描次数超过 ${MAX_SCANS}` })
    } else if (++segments > MAX_SEGMENTS) {
      throw new CorruptImageError(label, { en: `it has more than ${MAX_SEGMENTS} segments`, zh: `数据段超过 ${MAX_SEGMENTS} 个` })
    }
    // A length below two is no length; decoders pass over it.
    if (hasLength(code)) marker.end += Math.max(2, head.readUInt16BE(0))
  }
}

const isFrame = (code: number) => code >= 0xc0 && code <= 0xcf && code !== 0xc4 && code !== 0xc8 && code !== 0xcc
/** All but TEM and the start of an image. */
const hasLength = (code: number) => code !== 0x01 && code !== 0xd8

/** The first marker from there on, coded pixels and stray bytes passed over; null where there is none. */
async function nextMarker (reader: Reader, start: number): Promise<{ code: number, end: number } | null> {
  for (let at = start; ;) {
    const bytes = await reader.from(at, 2)
    if (bytes.length < 2) return null
    for (let i = bytes.indexOf(0xff); i !== -1 && i + 1 < bytes.length; i = bytes.indexOf(0xff, i + 1)) {
      const code = bytes[i + 1]!
      // Within coded pixels 0xff is followed by zero; restart markers belong to them.
      if (code !== 0 && code !== 0xff && !(code >= 0xd0 && code <= 0xd7)) return { code, end: at + i + 2 }
    }
    // The last byte may be the first one of a marker.
    at += bytes.length - 1
  }
}
