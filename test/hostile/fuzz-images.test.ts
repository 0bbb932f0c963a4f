import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { inspectImage } from '../../services/images/inspect.ts'
import { fit } from '../../services/images/plan.ts'
import { prepareImage } from '../../services/images/prepare.ts'
import { noise } from '../services/images/draw.ts'
import { fuzz, refusesOnly } from './fuzz.ts'
import { mutateBytes } from './mutate.ts'

const BOUNDS = { multiple: 28, minTokens: 16, maxTokens: 36, maxSide: 1024, maxPixels: 1_003_520 }

t.test('damaged images are read or refused', async t => {
  const dir = t.testdir()
  const drawn = noise(60, 44)
  const seeds = await Promise.all([
    drawn.clone().jpeg(),
    drawn.clone().jpeg({ progressive: true }),
    drawn.clone().withMetadata({ orientation: 6 }).withIccProfile('p3').jpeg(),
    drawn.clone().toColourspace('cmyk').jpeg(),
    drawn.clone().png(),
    drawn.clone().png({ palette: true }),
    drawn.clone().toColourspace('rgb16').png({ progressive: true }),
    drawn.clone().webp(),
    drawn.clone().ensureAlpha(0.5).webp({ lossless: true }),
    drawn.clone().gif(),
    drawn.clone().tiff({ compression: 'lzw' }),
    drawn.clone().tiff({ compression: 'deflate', tile: true }),
    drawn.clone().tiff({ compression: 'jpeg' }),
    drawn.clone().toColourspace('b-w').tiff({ bitdepth: 1 }),
    drawn.clone().avif({ effort: 0 }),
    drawn.clone().ensureAlpha(0.5).avif({ effort: 0, bitdepth: 10 })
  ].map(image => image.toBuffer()))

  await fuzz(t, 800, async (below, index) => {
    const bytes = mutateBytes(seeds[index % seeds.length]!, below)
    const file = { path: path.join(dir, 'image'), label: 'images[0]', bytes: bytes.length }
    await writeFile(file.path, bytes)
    await refusesOnly(async () => {
      const header = await inspectImage(file, { maxInputPixels: 4_000_000 })
      await prepareImage(file, header, fit(header.width, header.height, BOUNDS))
    }, bytes)
  })
})
