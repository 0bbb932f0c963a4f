import { be32, join, patched, repeated } from '../../tools/lib/bytes.ts'
import { box, sized } from '../../tools/lib/iso-boxes.ts'
import { ALPHA, frameTables, movie, type Item } from './avif.ts'
import { codedHeic, colours, fixture, gridOf, heic, hvc1, SEQUENCE, turned } from './heic-parts.ts'
import { MAX_INPUT_PIXELS, toImages, TOO_LONG_SIDE, type Case, type HostileImage } from './hostile-image.ts'

const again = (part: number, count: number) => Array.from({ length: count }, () => part)

/** A HEIC may have half as many pixels as other images. */
const ALLOWED_SIDE = Math.floor(Math.sqrt(MAX_INPUT_PIXELS / 2))

/** Returns hostile and unusual HEIC files. */
export async function hostileHeics (): Promise<HostileImage[]> {
  return toImages('HEIC', [...claims(), ...grids(), ...containers(), ...bitstreams()])
}

/** Sizes that the pixels do not have. */
function claims (): Case[] {
  const plain = codedHeic('plain')
  const flat = codedHeic('flat')
  const side = TOO_LONG_SIDE
  const claiming = (width: number, height: number): Item =>
    hvc1(1, { ...plain, size: sized(width, height) })
  return [
    ['a good file', fixture('plain'), 'accepted'],
    ['a file of the builder', heic([hvc1(1, plain)]), 'accepted'],
    ['a bomb of 65535 x 65535', heic([claiming(65_535, 65_535)]), 'IMAGE_TOO_MANY_PIXELS'],
    ['just above the limit', heic([claiming(ALLOWED_SIDE + 1, ALLOWED_SIDE + 1)]), 'IMAGE_TOO_MANY_PIXELS'],
    ['at the limit, with 96 x 64 pixels', heic([claiming(ALLOWED_SIDE, ALLOWED_SIDE)]), 'CORRUPT_IMAGE'],
    ['36 megapixels', fixture('flat'), 'IMAGE_TOO_MANY_PIXELS'],
    ['64 x 64 claimed, with 36 megapixels', heic([hvc1(1, { ...flat, size: sized(64, 64) })]), 'CORRUPT_IMAGE'],
    ['64 x 64 claimed, with 96 x 64', heic([hvc1(1, { ...plain, size: sized(64, 64) })]), 'CORRUPT_IMAGE'],
    ['a size of zero', heic([claiming(0, 64)]), 'CORRUPT_IMAGE'],
    ['without a size', heic([{ ...hvc1(1, plain), properties: [plain.configuration] }]), 'CORRUPT_IMAGE'],
    ['a long strip', heic([claiming(2020, 10)]), 'IMAGE_TOO_NARROW'],
    [
      'transparency above the limit',
      heic([hvc1(1, plain), { ...hvc1(2, { ...plain, size: sized(side, side) }, ALPHA), alphaOf: 1 }]),
      'IMAGE_TOO_MANY_PIXELS'
    ]
  ]
}

function grids (): Case[] {
  const tile = codedHeic('small-tile')
  const nested = (id: number, part: number, count: number) => gridOf(id, [1, count], [64, 64], again(part, count))
  return [
    ['a grid', heic([gridOf(1, [1, 2], [128, 64], [2, 3]), hvc1(2, tile), hvc1(3, tile)]), 'accepted'],
    // libheif refuses it.
    ['one tile four times', heic([gridOf(1, [2, 2], [128, 128], again(2, 4)), hvc1(2, tile)]), 'CORRUPT_IMAGE'],
    [
      'one tile 60000 times', heic([gridOf(1, [250, 240], [2000, 2000], again(2, 60_000)), hvc1(2, tile)]),
      'CORRUPT_IMAGE'
    ],
    ['missing tiles', heic([gridOf(1, [2, 1], [64, 128], [2, 9]), hvc1(2, tile)]), 'CORRUPT_IMAGE'],
    ['fewer tiles than places', heic([gridOf(1, [2, 2], [128, 128], [2]), hvc1(2, tile)]), 'CORRUPT_IMAGE'],
    ['a grid of itself', heic([gridOf(1, [1, 2], [128, 64], [1, 1])]), 'CORRUPT_IMAGE'],
    [
      'two grids of each other', heic([gridOf(1, [1, 1], [64, 64], [2]), gridOf(2, [1, 1], [64, 64], [1])]),
      'CORRUPT_IMAGE'
    ],
    [
      'grids of grids of grids', heic([nested(1, 2, 16), nested(2, 3, 16), nested(3, 4, 16), hvc1(4, tile)]),
      'CORRUPT_IMAGE'
    ],
    ['an image that is its own transparency', heic([{ ...hvc1(1, tile, ALPHA), alphaOf: 1 }]), 'CORRUPT_IMAGE']
  ]
}

function containers (): Case[] {
  const plain = codedHeic('plain')
  const good = heic([hvc1(1, plain)])
  const track = (frames: number) => movie(plain.configuration, ...frameTables(frames))
  return [
    ['a sequence with a still image', join(heic([hvc1(1, plain)], { type: SEQUENCE }), track(9)), 'accepted'],
    [
      'a sequence of a million frames', join(heic([hvc1(1, plain)], { type: SEQUENCE }), track(1_000_000)),
      'CORRUPT_IMAGE'
    ],
    ['a sequence without a still image', join(SEQUENCE, track(1)), 'CORRUPT_IMAGE'],
    ['only the first box', good.subarray(0, 24), 'CORRUPT_IMAGE'],
    ['a million empty boxes', heic([hvc1(1, plain)], { before: repeated(box('free', Buffer.alloc(0)), 1_000_000) }),
      'CORRUPT_IMAGE'],
    ['the codec of an AVIF', heic([{ ...hvc1(1, plain), type: 'av01' }]), 'CORRUPT_IMAGE'],
    ['no configuration', heic([{ ...hvc1(1, plain), properties: [plain.size] }]), 'CORRUPT_IMAGE'],
    ['fifty rotations', heic([{
      ...hvc1(1, plain), properties: [plain.configuration, plain.size, ...Array.from({ length: 50 }, () => turned(1))]
    }]), 'accepted'],
    ['unknown colour codes', heic([hvc1(1, plain, colours(200, 200, 200))]), 'accepted'],
    ['a damaged profile', heic([hvc1(1, plain, box('colr', join('prof', Buffer.alloc(200, 7))))]), 'accepted']
  ]
}

/** Damaged pixels. The decoder either finds the damage or shows wrong pixels, and never takes the thread down. */
function bitstreams (): Case[] {
  const plain = codedHeic('plain')
  const data = (bytes: Buffer) => heic([hvc1(1, { ...plain, data: bytes })])
  return [
    ['no pixels', data(Buffer.alloc(0)), 'CORRUPT_IMAGE'],
    ['half of the pixels', data(plain.data.subarray(0, plain.data.length / 2)), 'CORRUPT_IMAGE'],
    ['zeros for pixels', data(Buffer.alloc(4000)), 'CORRUPT_IMAGE'],
    ['a unit longer than the file', data(patched(plain.data, 0, be32(0x7fffffff))), 'CORRUPT_IMAGE'],
    ['100000 empty units', data(repeated(join(be32(2), 0x28, 1), 100_000)), 'CORRUPT_IMAGE']
  ]
}
