import type { ColourCodes } from './libheif.ts'

/** Codes of ITU-T H.273. */
const [DISPLAY_P3, BT_2020] = [12, 9]
const [PQ, HLG] = [16, 18]

/** The primaries in XYZ, adapted to the white D50 of ICC profiles: red, green and blue. */
const PRIMARIES: Record<number, number[][]> = {
  [DISPLAY_P3]: [[0.515102, 0.241182, -0.001049], [0.291965, 0.692236, 0.041882], [0.157153, 0.066582, 0.784378]],
  [BT_2020]: [[0.673459, 0.279033, -0.001931], [0.165661, 0.675338, 0.029984], [0.125100, 0.045629, 0.797134]]
}
const SRGB = [[0.436066, 0.222488, 0.013916], [0.385147, 0.716873, 0.097076], [0.143066, 0.060608, 0.714096]]
const D50 = [0.9642, 1, 0.8249]
const HEADER_BYTES = 128
const CURVE_POINTS = 1024
/** Luminance of white paper in cd/m², and the luminance that becomes the white of the screen (ITU-R BT.2408). */
const [PAPER, BRIGHTEST] = [203, 1000]

/**
 * Creates an ICC profile for images that have only codes for their colours.
 * @returns empty for sRGB and unknown codes, which are read as sRGB
 */
export function profileOf (codes: ColourCodes | null): Uint8Array {
  if (codes === null) return new Uint8Array()
  const primaries = PRIMARIES[codes.primaries]
  const curve = codes.transfer === PQ ? tableOf(fromPq) : codes.transfer === HLG ? tableOf(fromHlg) : null
  if (primaries === undefined && curve === null) return new Uint8Array()
  return createProfile(primaries ?? SRGB, curve ?? srgbCurve())
}

function createProfile (primaries: number[][], curve: Buffer): Uint8Array {
  const [red, green, blue] = primaries.map(xyz)
  const tags: Array<[names: string[], content: Buffer]> = [
    [['desc'], text('RGB')], [['cprt'], text('-')], [['wtpt'], xyz(D50)],
    [['rXYZ'], red!], [['gXYZ'], green!], [['bXYZ'], blue!], [['rTRC', 'gTRC', 'bTRC'], curve]
  ]
  const count = tags.reduce((sum, [names]) => sum + names.length, 0)
  const table = Buffer.alloc(4 + 12 * count)
  table.writeUInt32BE(count)
  let entryAt = 4
  let at = HEADER_BYTES + table.length
  for (const [names, content] of tags) {
    for (const name of names) {
      table.write(name, entryAt, 'latin1')
      table.writeUInt32BE(at, entryAt + 4)
      table.writeUInt32BE(content.length, entryAt + 8)
      entryAt += 12
    }
    at += content.length
  }
  return Buffer.concat([header(at), table, ...tags.map(([, content]) => content)])
}

function header (bytes: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32BE(bytes)
  header.writeUInt32BE(0x04300000, 8) // version 4.3
  header.write('mntrRGB XYZ ', 12, 'latin1')
  header.write('acsp', 36, 'latin1')
  for (const [i, value] of D50.entries()) header.writeInt32BE(fixed(value), 68 + 4 * i)
  return header
}

const fixed = (value: number) => Math.round(value * 65_536)

function xyz (values: number[]): Buffer {
  const tag = Buffer.alloc(20)
  tag.write('XYZ ', 'latin1')
  for (const [i, value] of values.entries()) tag.writeInt32BE(fixed(value), 8 + 4 * i)
  return tag
}

/** A text in English, padded to a multiple of four bytes. */
function text (value: string): Buffer {
  const tag = Buffer.alloc(28 + Math.ceil(value.length / 2) * 4)
  tag.write('mluc', 'latin1')
  tag.writeUInt32BE(1, 8)
  tag.writeUInt32BE(12, 12)
  tag.write('enUS', 16, 'latin1')
  tag.writeUInt32BE(2 * value.length, 20)
  tag.writeUInt32BE(28, 24)
  Buffer.from(value, 'utf16le').swap16().copy(tag, 28)
  return tag
}

/** The curve of sRGB as a function with parameters (ICC.1, `parametricCurveType`). */
function srgbCurve (): Buffer {
  const tag = Buffer.alloc(32)
  tag.write('para', 'latin1')
  tag.writeUInt16BE(3, 8)
  for (const [i, value] of [2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045].entries()) {
    tag.writeInt32BE(fixed(value), 12 + 4 * i)
  }
  return tag
}

/** A curve as a table of samples. */
function tableOf (light: (value: number) => number): Buffer {
  const tag = Buffer.alloc(12 + 2 * CURVE_POINTS)
  tag.write('curv', 'latin1')
  tag.writeUInt32BE(CURVE_POINTS, 8)
  for (let i = 0; i < CURVE_POINTS; i++) {
    const value = toScreen(light(i / (CURVE_POINTS - 1)))
    tag.writeUInt16BE(Math.round(Math.min(1, Math.max(0, value)) * 65_535), 12 + 2 * i)
  }
  return tag
}

/** Compresses luminance in cd/m², so that highlights keep their drawing (extended Reinhard). */
function toScreen (luminance: number): number {
  const value = luminance / PAPER
  return value * (1 + value / (BRIGHTEST / PAPER) ** 2) / (1 + value)
}

/** Luminance in cd/m² of a sample of SMPTE ST 2084. */
function fromPq (sample: number): number {
  const power = sample ** (1 / 78.84375)
  return 10_000 * (Math.max(0, power - 0.8359375) / (18.8515625 - 18.6875 * power)) ** (1 / 0.1593017578125)
}

/** Luminance in cd/m² of a sample of ARIB STD-B67, on a screen of `BRIGHTEST`. */
function fromHlg (sample: number): number {
  const light = sample <= 0.5 ? sample ** 2 / 3 : (Math.exp((sample - 0.55991073) / 0.17883277) + 0.28466892) / 12
  return BRIGHTEST * light ** 1.2
}
