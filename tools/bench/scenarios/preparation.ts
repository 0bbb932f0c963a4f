import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { inspectImage } from '../../../services/images/inspect.ts'
import { prepareImage } from '../../../services/images/prepare.ts'
import sharp from '../../../services/images/sharp.ts'
import { encodeHeic } from '../lib/heic.ts'
import { drawImage, type ImageFormat } from '../lib/images.ts'
import { createRow, rotated, type Bench, type Row, type Scenario } from './scenario.ts'

const SIZES = { '12 megapixels': { width: 4000, height: 3000 }, '50 megapixels': { width: 8160, height: 6120 } }
const FORMATS: ImageFormat[] = ['jpeg', 'png', 'webp']
/** Size of a prepared photograph of 4:3 with default settings. */
const TARGET = { width: 1008, height: 756 }

/** Preparation of one image, compared with a plain decode, resize and encode. */
export const preparation: Scenario = {
  title: 'Preparing one image (to 1008 x 756), one thread',

  async run (bench) {
    const dir = mkdtempSync(path.join(os.tmpdir(), 'sightline-bench-'))
    const rows: Row[] = []
    try {
      for (const [label, size] of Object.entries(SIZES)) {
        for (const format of FORMATS) {
          bench.log(`${label}, ${format}`)
          const file = path.join(dir, `image.${format}`)
          writeFileSync(file, (await drawImage(bench.freshSeed(), { ...size, format })).data)
          const row = createRow(`${label}, ${format}`, 'ms')
          for (let round = 0; round < bench.rounds; round++) {
            for (const [name, prepare] of rotated(Object.entries(WAYS), round)) {
              row.add(name, await timed(() => prepare(file)))
            }
          }
          rows.push(row)
        }
      }
      const heic = encodeHeic((await drawImage(bench.freshSeed(), SIZES['12 megapixels'])).data)
      if (heic === null) bench.log('heif-enc is not installed, so HEIC is left out')
      else rows.push(await measureHeic(bench, path.join(dir, 'image.heic'), heic))
    } finally {
      rmSync(dir, { recursive: true })
    }
    return rows
  }
}

/** No other way is measured, because sharp cannot decode HEIC. */
async function measureHeic (bench: Bench, file: string, content: Buffer): Promise<Row> {
  bench.log('12 megapixels, heic')
  writeFileSync(file, content)
  const row = createRow('12 megapixels, heic', 'ms')
  for (let round = 0; round < bench.rounds; round++) row.add('Sightline', await timed(() => WAYS.Sightline!(file)))
  return row
}

const WAYS: Record<string, (file: string) => Promise<unknown>> = {
  async Sightline (path) {
    const file = { path, label: 'image', bytes: statSync(path).size }
    const header = await inspectImage(file, { maxInputPixels: Infinity })
    await prepareImage(file, header, TARGET)
  },
  'plain, same filter': file => sharp(file)
    .resize(TARGET.width, TARGET.height, { fit: 'fill', kernel: 'lanczos3', fastShrinkOnLoad: false })
    .png({ compressionLevel: 0 })
    .toFile(`${file}.plain.png`),
  'plain, sharp\'s defaults': file => sharp(file)
    .resize(TARGET.width, TARGET.height, { fit: 'fill' })
    .png()
    .toFile(`${file}.default.png`)
}

async function timed (run: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await run()
  return performance.now() - started
}
