import { readdirSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { decoders } from '../../services/images/decoder/decoders.ts'
import { inspectImage } from '../../services/images/inspect.ts'
import { fit } from '../../services/images/plan.ts'
import { prepareImage } from '../../services/images/prepare.ts'
import { ALPHA } from './avif.ts'
import { fuzz, refusesOnly } from './fuzz.ts'
import { codedHeic, exif, fixture, gridOf, heic, hvc1, turned } from './heic-parts.ts'
import { mutateBytes } from './mutate.ts'

const BOUNDS = { multiple: 28, minTokens: 16, maxTokens: 36, maxSide: 1024, maxPixels: 1_003_520 }

const [plain, tile] = [codedHeic('plain'), codedHeic('small-tile')]
const SEEDS = [
  ...['plain', 'ten-bits', 'full-chroma', 'alpha', 'p3-profile', 'collection'].map(fixture),
  heic([hvc1(1, plain, turned(1)), exif(2, 6, 1), { ...hvc1(3, plain, ALPHA), alphaOf: 1 }]),
  heic([gridOf(1, [1, 2], [96, 64], [2, 3]), hvc1(2, tile), hvc1(3, codedHeic('right-tile'))])
]

t.test('damaged HEIC files are read or refused, and leave nothing behind', async t => {
  const dir = t.testdir({})
  const file = { path: path.join(dir, 'image'), label: 'images[0]', bytes: 0 }
  await fuzz(t, 200, async (below, index) => {
    const seed = SEEDS[index % SEEDS.length]!
    // Other changes mostly damage the header, which is checked before the decoder gets the file.
    const bytes = index % 4 === 0
      ? seed.subarray(0, below(seed.length))
      : index % 4 === 1 ? damagedPixels(seed, below) : mutateBytes(seed, below)
    await writeFile(file.path, bytes)
    await refusesOnly(async () => {
      const header = await inspectImage({ ...file, bytes: bytes.length }, { maxInputPixels: 4_000_000 })
      await prepareImage({ ...file, bytes: bytes.length }, header, fit(header.width, header.height, BOUNDS))
    }, bytes)
    await rm(path.join(dir, 'image_compressed.png'), { force: true })
  })
  t.same(readdirSync(dir), ['image'])
  t.ok(decoders.threads() <= 2)
  t.comment(JSON.stringify(decoders.ended()))
})

/** Changes bits in the second half of a file, which contains its pixels. */
function damagedPixels (seed: Buffer, below: (below: number) => number): Buffer {
  const bytes = Buffer.from(seed)
  for (let changes = 1 + below(20); changes > 0; changes--) {
    bytes[Math.floor(seed.length / 2) + below(Math.ceil(seed.length / 2))]! ^= 1 << below(8)
  }
  return bytes
}
