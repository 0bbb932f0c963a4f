import { readFileSync } from 'node:fs'
import path from 'node:path'
import { ROOT } from '../../config/root.ts'
import { be16, be32, join } from '../../tools/lib/bytes.ts'
import { box, full } from '../../tools/lib/iso-boxes.ts'
import { avif, type Item } from './avif.ts'

/** Reads a file of `test/fixtures/heic/`. */
export const fixture = (name: string) =>
  readFileSync(path.join(ROOT, 'test/fixtures/heic', `${name}.heic`))

/** The first coded image of a file, and the boxes of its properties. */
export interface CodedHeic { data: Buffer, configuration: Buffer, size: Buffer, depth: Buffer }

/** Takes the coded image out of a file that `heif-enc` wrote from one image. */
export function codedHeic (name: string): CodedHeic {
  const file = fixture(name)
  const boxAt = (type: string) => {
    const at = file.indexOf(type) - 4
    return file.subarray(at, at + file.readUInt32BE(at))
  }
  return { data: boxAt('mdat').subarray(8), configuration: boxAt('hvcC'), size: boxAt('ispe'), depth: boxAt('pixi') }
}

/** Creates an item of a coded image. */
export const hvc1 = (id: number, { data, configuration, size, depth }: CodedHeic, ...properties: Buffer[]): Item =>
  ({ id, type: 'hvc1', data, properties: [configuration, depth, size, ...properties] })

const brands = (major: string, ...others: string[]) => box('ftyp', join(major, be32(0), ...others))
const HEIC = brands('heic', 'mif1', 'heic')
export const SEQUENCE = brands('msf1', 'msf1', 'hevc', 'mif1', 'heic')

/** Creates a HEIC of these items. The first item is displayed. */
export const heic = (items: Item[], style: Parameters<typeof avif>[1] = {}) => avif(items, { type: HEIC, ...style })

/** Rotates an image by quarters of a turn, anticlockwise. */
export const turned = (quarters: number) => box('irot', Buffer.from([quarters]))
/** Mirrors an image: 0 exchanges the top and the bottom, 1 the left and the right. */
export const mirrored = (axis: number) => box('imir', Buffer.from([axis]))
/** Colour codes of ITU-T H.273: primaries, transfer and matrix, with the full range of values. */
export const colours = (...codes: [primaries: number, transfer: number, matrix: number]) =>
  box('colr', join('nclx', be16(...codes), 0x80))

/** Creates an Exif item that claims an orientation for an image. */
export function exif (id: number, orientation: number, image: number): Item {
  const tiff = join('MM\0*', be32(8), be16(1, 0x112, 3), be32(1), be16(orientation, 0), be32(0))
  return { id, type: 'Exif', data: join(be32(6), 'Exif\0\0', tiff), describes: image }
}

/** Creates an item whose tiles show a grid. */
export function gridOf (
  id: number, [rows, columns]: [number, number], [width, height]: [number, number], parts: number[],
  ...properties: Buffer[]
): Item {
  const data = join(0, 1, rows - 1, columns - 1, be32(width, height))
  return { id, type: 'grid', data, parts, properties: [full('ispe', 0, be32(width, height)), ...properties] }
}
