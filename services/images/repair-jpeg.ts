import { setImmediate as nextTurn } from 'node:timers/promises'

/**
 * A JPEG without the oddities about which libjpeg warns although no pixel is missing. The warnings hide those about
 * damaged pixels, so a file with oddities is decoded from such a copy.
 */
export interface RepairedJpeg {
  bytes: Buffer
  /** True if the copy differs from the file. */
  changed: boolean
  /** True if the file has no end marker. Its pixels may be complete. */
  endless: boolean
  /**
   * A copy for which libjpeg reads all pixels before it returns the first row. libvips does not check the last rows of
   * a JPEG of one scan. Null if no such copy exists.
   */
  probe: Buffer | null
}

/** Pixels never contain as many zeros in a row. Lost blocks of a disk or a download do. */
const HOLE_BYTES = 64
/** Maximum number of stray bytes before a marker. */
const MAX_STRAY_BYTES = 64 * 1024
/** The event loop gets a turn after this many bytes, which take about 3 ms. */
const BYTES_PER_TURN = 512 * 1024

const TEM = 0x01
const START_OF_IMAGE = 0xd8
const END_OF_IMAGE = 0xd9
const START_OF_SCAN = 0xda
const APP0 = 0xe0
const APP14 = 0xee
const PROGRESSIVE = new Set([0xc2, 0xc6, 0xca, 0xce])
const COEFFICIENTS = 64
const END = Buffer.from([0xff, END_OF_IMAGE])

interface Segment { code: number, start: number, end: number, content: Buffer }
interface Frame { progressive: boolean, components: number[], at: number }
/** Offset of the transform in the content of a segment of Adobe. */
const TRANSFORM_AT = 11

/**
 * Makes a copy of a JPEG without harmless oddities.
 *
 * | oddity | written by |
 * |---|---|
 * | no end marker | cameras that lose power, downloads that stop a few bytes early |
 * | stray bytes between two segments | cameras and editors that shorten a segment without moving the next one |
 * | zeros before the end marker | cameras that fill up a block |
 * | a version of JFIF other than 1 | old scanners |
 * | an unknown transform of Adobe | old print software |
 * | the parameters of a progressive scan in a baseline JPEG | surveillance cameras |
 *
 * @param file the whole file
 * @returns null if a part of the file is missing
 */
export async function repairJpeg (file: Buffer): Promise<RepairedJpeg | null> {
  const pieces: Buffer[] = [file.subarray(0, 2)]
  const sent = new Map<number, Int8Array>()
  let frame: Frame | null = null
  let length = 2
  let transformAt = -1
  let changed = false

  const add = (piece: Buffer) => {
    pieces.push(piece)
    length += piece.length
  }
  const finish = (endless: boolean): RepairedJpeg | null => {
    if (frame === null || !isComplete(frame, sent, endless)) return null
    add(END)
    const bytes = Buffer.concat(pieces)
    return { bytes, changed: changed || endless, endless, probe: probeOf(bytes, frame, transformAt) }
  }

  for (let at = 2; ;) {
    const segment = segmentAt(file, at)
    if (segment === null || (segment.code === END_OF_IMAGE && frame === null)) return null
    const { code, start, end, content } = segment
    if (file.subarray(at, start).some(byte => byte !== 0xff)) changed = true
    if (code === END_OF_IMAGE) return finish(false)

    const better = improved(segment, frame)
    if (better !== null) changed = true
    if (isFrame(code)) {
      if (frame !== null || content.length < 6) return null
      frame = frameOf(code, content, length)
    }
    if (isAdobe(segment)) transformAt = length + 4 + TRANSFORM_AT
    add(file.subarray(start, start + 4))
    add(better ?? content)
    at = end
    if (code !== START_OF_SCAN) continue

    if (frame === null || !countScan(better ?? content, frame, sent)) return null
    const dataEnd = await endOfData(file, at)
    const padding = dataEnd - trimZeros(file, at, dataEnd)
    if (padding > 0) changed = true
    add(file.subarray(at, dataEnd - padding))
    at = dataEnd
    if (dataEnd >= file.length - 1) return finish(true)
    // Decoders ignore everything after the only scan of a baseline JPEG.
    if (!frame.progressive && content[0] === frame.components.length) return finish(false)
  }
}

/**
 * Returns whether a JPEG that was decoded without a warning needs a closer look: it has no end marker, as many zeros as
 * lost blocks of the file would leave, or several scans, of which one may be missing.
 * @param file the whole file
 */
export function isSuspicious (file: Buffer): boolean {
  const { start, isPartial } = firstScanOf(file)
  return isPartial || !file.includes(END, start) || file.includes(Buffer.alloc(HOLE_BYTES), start)
}

/**
 * Finds the first scan. A thumbnail inside the metadata has scans, too.
 * @param file the whole file
 * @returns the offset of the scan, and whether it lacks components of the image, which other scans then contain
 */
export function firstScanOf (file: Buffer): { start: number, isPartial: boolean } {
  let components = 0
  for (let at = 2; ;) {
    const segment = segmentAt(file, at)
    if (segment === null || segment.code === END_OF_IMAGE) return { start: at, isPartial: false }
    const { code, start, end, content } = segment
    if (isFrame(code)) components = content[5] ?? 0
    if (code === START_OF_SCAN) return { start, isPartial: content[0]! < components }
    at = end
  }
}

/** Returns the segment at or after an offset; null if the file ends before the segment does. */
function segmentAt (file: Buffer, from: number): Segment | null {
  const limit = Math.min(from + MAX_STRAY_BYTES, file.length - 1)
  let start = from
  while (start < limit && !isMarker(file, start)) start++
  if (start >= limit) return null
  const code = file[start + 1]!
  if (code === END_OF_IMAGE) return { code, start, end: start + 2, content: file.subarray(start + 2, start + 2) }
  if (code === TEM || code === START_OF_IMAGE || start + 4 > file.length) return null
  // For an invalid length below 2, decoders skip two bytes.
  const end = start + 2 + Math.max(2, file.readUInt16BE(start + 2))
  return end > file.length ? null : { code, start, end, content: file.subarray(start + 4, end) }
}

/** Returns whether a marker other than a restart marker starts at an offset. */
function isMarker (file: Buffer, at: number): boolean {
  const code = file[at + 1]!
  return file[at] === 0xff && code !== 0 && code !== 0xff && !(code >= 0xd0 && code <= 0xd7)
}

/** Returns the offset of the marker after coded pixels, or the end of the file without an incomplete marker. */
async function endOfData (file: Buffer, from: number): Promise<number> {
  const last = file.length - 1
  for (let start = from; start < last; start += BYTES_PER_TURN) {
    for (let at = start; at < Math.min(start + BYTES_PER_TURN, last); at++) {
      // Most bytes end here, so the check of the marker is apart.
      if (file[at] === 0xff && isMarker(file, at)) return at
    }
    await nextTurn()
  }
  return file[last] === 0xff ? last : file.length
}

/** Returns the end of coded pixels without zeros after them. A zero after 0xff belongs to the pixels. */
function trimZeros (file: Buffer, start: number, end: number): number {
  let at = end
  while (at > start && file[at - 1] === 0) at--
  return end - at < HOLE_BYTES ? end : at + (file[at - 1] === 0xff ? 1 : 0)
}

/** Returns the content that replaces the one of a segment; null if it needs no replacement. */
function improved (segment: Segment, frame: Frame | null): Buffer | null {
  const { code, content } = segment
  const isJfif = code === APP0 && content.length >= 7 && content.toString('latin1', 0, 5) === 'JFIF\0'
  if (isJfif && content[5] !== 1) return replaced(content, 5, [1, 2])
  // libjpeg assumes YCbCr, which is 1.
  if (isAdobe(segment) && content[TRANSFORM_AT]! > 2) return replaced(content, TRANSFORM_AT, [1])
  if (code === START_OF_SCAN && frame !== null && !frame.progressive) {
    const at = 1 + 2 * content[0]!
    const usual = [0, COEFFICIENTS - 1, 0]
    if (content.length === at + 3 && usual.some((value, i) => content[at + i] !== value)) {
      return replaced(content, at, usual)
    }
  }
  return null
}

function isAdobe ({ code, content }: Segment): boolean {
  return code === APP14 && content.length > TRANSFORM_AT && content.toString('latin1', 0, 5) === 'Adobe'
}

function replaced (content: Buffer, at: number, values: number[]): Buffer {
  const copy = Buffer.from(content)
  copy.set(values, at)
  return copy
}

const isFrame = (code: number) => code >= 0xc0 && code <= 0xcf && code !== 0xc4 && code !== 0xc8 && code !== 0xcc

function frameOf (code: number, content: Buffer, at: number): Frame {
  const components = Array.from({ length: content[5]! }, (_, i) => content[6 + 3 * i] ?? 0)
  return { progressive: PROGRESSIVE.has(code), components, at }
}

/**
 * Notes which coefficients a scan sends, and their missing bits.
 * @returns false if the segment is invalid
 */
function countScan (content: Buffer, { progressive }: Frame, sent: Map<number, Int8Array>): boolean {
  const count = content[0]!
  const at = 1 + 2 * count
  if (content.length < at + 3) return false
  const [first, last, missing] =
    progressive ? [content[at]!, content[at + 1]!, content[at + 2]! & 15] : [0, COEFFICIENTS - 1, 0]
  for (let i = 0; i < count; i++) {
    const component = content[1 + 2 * i]!
    const bits = sent.get(component) ?? new Int8Array(COEFFICIENTS).fill(-1)
    bits.fill(missing, first, last + 1)
    sent.set(component, bits)
  }
  return true
}

/**
 * Returns whether all components were sent.
 * @param inFull all coefficients with all their bits. A file that was cut off between two scans lacks some.
 */
function isComplete ({ components }: Frame, sent: Map<number, Int8Array>, inFull: boolean): boolean {
  return components.length > 0 && components.every(component => {
    const bits = sent.get(component)
    return bits !== undefined && (inFull ? bits.every(missing => missing === 0) : bits[0] !== -1)
  })
}

/**
 * Announces one or two more components than the scan has. libjpeg then waits for another scan, so it reads the file to
 * its end first.
 * @param transformAt offset of the transform of Adobe; -1 if there is none
 */
function probeOf (jpeg: Buffer, { progressive, components, at }: Frame, transformAt: number): Buffer | null {
  const missing = { 1: 2, 3: 1, 4: 1 }[components.length]
  if (progressive || missing === undefined) return null
  const lengthAt = at + 2
  const end = lengthAt + jpeg.readUInt16BE(lengthAt)
  const unused = [251, 252, 253, 254, 255].filter(id => !components.includes(id)).slice(0, missing)
  const table = jpeg[end - 1]!
  const extra = Buffer.from(unused.flatMap(id => [id, 0x11, table]))
  const probe = Buffer.concat([jpeg.subarray(0, end), extra, jpeg.subarray(end)])
  probe.writeUInt16BE(end - lengthAt + extra.length, lengthAt)
  probe[lengthAt + 7] = components.length + missing
  // Four components have another transform than three.
  if (transformAt !== -1 && transformAt < at && components.length === 3) probe[transformAt] = 2
  return probe
}
