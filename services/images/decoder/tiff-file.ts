/** Pixels of 8 bits, interleaved: red, green, blue, and alpha if there are four channels. */
export interface Pixels {
  width: number
  height: number
  channels: 3 | 4
  /** ICC profile of the colours; empty means sRGB. */
  profile: Uint8Array
}

const Type = { short: 3, long: 4, undefined: 7 } as const
const HEADER_BYTES = 8
const ENTRY_BYTES = 12
const RGB = 2
/** Alpha that is not multiplied into the colours. */
const UNASSOCIATED_ALPHA = 2

type Entry = [tag: number, type: number, count: number, value: number]

/**
 * Creates an uncompressed TIFF whose pixels are still to be written. sharp accepts raw pixels only without a colour
 * profile, so pixels of other decoders reach it as a TIFF in memory.
 *
 * @returns the file, and the offset of its first pixel
 */
export function createTiff ({ width, height, channels, profile }: Pixels): { file: Uint8Array, pixelsAt: number } {
  const entries = 11 + (channels === 4 ? 1 : 0) + (profile.length > 0 ? 1 : 0)
  const bitsAt = HEADER_BYTES + 2 + entries * ENTRY_BYTES + 4
  const profileAt = bitsAt + 2 * channels
  const pixelsAt = Math.ceil((profileAt + profile.length) / 16) * 16
  const bytes = width * height * channels
  const directory: Entry[] = [
    [256, Type.long, 1, width],
    [257, Type.long, 1, height],
    [258, Type.short, channels, bitsAt],
    [259, Type.short, 1, 1], // no compression
    [262, Type.short, 1, RGB],
    [273, Type.long, 1, pixelsAt],
    [274, Type.short, 1, 1], // upright
    [277, Type.short, 1, channels],
    [278, Type.long, 1, height], // rows of a strip
    [279, Type.long, 1, bytes],
    [284, Type.short, 1, 1], // interleaved
    ...channels === 4 ? [[338, Type.short, 1, UNASSOCIATED_ALPHA] satisfies Entry] : [],
    ...profile.length > 0 ? [[34675, Type.undefined, profile.length, profileAt] satisfies Entry] : []
  ]

  const file = new Uint8Array(pixelsAt + bytes)
  const view = new DataView(file.buffer)
  view.setUint32(0, 0x49492a00)
  view.setUint32(4, HEADER_BYTES, true)
  view.setUint16(HEADER_BYTES, entries, true)
  for (const [i, [tag, type, count, value]] of directory.entries()) {
    const at = HEADER_BYTES + 2 + i * ENTRY_BYTES
    view.setUint16(at, tag, true)
    view.setUint16(at + 2, type, true)
    view.setUint32(at + 4, count, true)
    view.setUint32(at + 8, value, true)
  }
  for (let i = 0; i < channels; i++) view.setUint16(bitsAt + 2 * i, 8, true)
  file.set(profile, profileAt)
  return { file, pixelsAt }
}
