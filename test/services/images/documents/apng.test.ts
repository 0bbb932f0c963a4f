import sharp from 'sharp'
import t from 'tap'
import { composeFrame } from '../../../../services/images/documents/apng-canvas.ts'
import { readFrames } from '../../../../services/images/documents/frames.ts'
import { inspectImage } from '../../../../services/images/inspect.ts'
import { be16, be32, join } from '../../../../tools/lib/bytes.ts'
import { store } from '../draw.ts'
import { crc32 } from 'node:zlib'

const SIDE = 40
interface Drawn { colour: string, left?: number, size?: number, disposal?: number, blend?: number, delay?: number }

const chunk = (type: string, data: Buffer) =>
  join(be32(data.length), type, data, be32(crc32(join(type, data))))

/** Makes an animation of squares, each drawn over the frames before it. */
async function animation (frames: Drawn[]): Promise<Buffer> {
  const pieces = [Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', join(be32(SIDE, SIDE), 8, 6, 0, 0, 0)),
    chunk('acTL', be32(frames.length, 0))]
  let sequence = 0
  for (const [index, { colour, left = 0, size = SIDE, disposal = 0, blend = 0, delay = 100 }] of frames.entries()) {
    const png = await sharp({ create: { width: size, height: size, channels: 4, background: colour } }).png().toBuffer()
    const at = png.indexOf('IDAT')
    const data = png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4))
    pieces.push(chunk('fcTL', join(be32(sequence++, size, size, left, left), be16(delay, 1000), disposal, blend)))
    pieces.push(index === 0 ? chunk('IDAT', data) : chunk('fdAT', join(be32(sequence++), data)))
  }
  return join(...pieces, chunk('IEND', Buffer.alloc(0)))
}

async function pixelsOf (png: Buffer) {
  const { data } = await sharp(png).ensureAlpha().raw().toBuffer({ resolveWithObject: true })
  return (x: number, y: number) => [...data.subarray(4 * (y * SIDE + x), 4 * (y * SIDE + x) + 4)]
}
const RED = [255, 0, 0, 255]
const BLUE = [0, 0, 255, 255]
const NONE = [0, 0, 0, 0]

t.test('frames of an animated PNG are composed by disposal and blending', async t => {
  const bytes = await animation([
    { colour: 'red' },
    { colour: 'blue', left: 10, size: 10, disposal: 2 },
    { colour: 'blue', left: 20, size: 10, disposal: 1, delay: 250 },
    { colour: '#0000ff80', left: 30, size: 10, blend: 1 },
    { colour: '#0000ff00', left: 0, size: 10, blend: 0 }
  ])
  const file = await store(t.testdir(), 'a.png', bytes)
  const header = await inspectImage(file, { maxInputPixels: 1_000_000 })
  const frames = await readFrames(file, header)
  t.same(frames.map(({ timeMs }) => timeMs), [0, 100, 200, 450, 550])
  const [first, second, third, fourth, fifth] =
    await Promise.all(frames.map(async ({ frame }) => await pixelsOf(await composeFrame(file, frame))))
  t.same([first!(5, 5), first!(15, 15)], [RED, RED])
  t.same([second!(5, 5), second!(15, 15)], [RED, BLUE])
  t.same([third!(15, 15), third!(25, 25)], [RED, BLUE], 'the second frame is taken back')
  t.same([fourth!(25, 25), fourth!(35, 35)], [NONE, [127, 0, 128, 255]], 'the third frame is cleared')
  t.same(fifth!(5, 5), [0, 0, 255, 0], 'a frame without blending replaces what is below')
})

t.test('a still PNG has no frames, and damaged animations are refused', async t => {
  const still = await sharp({ create: { width: SIDE, height: SIDE, channels: 3, background: 'red' } }).png().toBuffer()
  const file = await store(t.testdir(), 'a.png', still)
  t.same(await readFrames(file, await inspectImage(file, { maxInputPixels: 1_000_000 })), [])

  const outside = await animation([{ colour: 'red' }, { colour: 'blue', left: 35, size: 10 }])
  const bad = await store(t.testdir(), 'b.png', outside)
  const header = await inspectImage(bad, { maxInputPixels: 1_000_000 })
  await t.rejects(readFrames(bad, header), { code: 'CORRUPT_IMAGE' })

  const whole = await animation([{ colour: 'red' }, { colour: 'blue' }])
  const cut = await store(t.testdir(), 'c.png', whole.subarray(0, whole.length - 60))
  const outcome = await composeFrame(cut, 2).then(() => null, error => error)
  t.match(outcome, { code: 'CORRUPT_IMAGE' })
})
