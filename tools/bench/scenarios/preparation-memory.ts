import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import sharp from '../../../services/images/sharp.ts'
import { encodeHeic } from '../lib/heic.ts'
import { drawImage } from '../lib/images.ts'
import { createRow, type Row, type Scenario } from './scenario.ts'

type Image = ReturnType<typeof sharp>

const SIZE = { width: 8160, height: 6120 }
/** Size of a prepared photograph of 4:3 with default settings. */
const TARGET = { width: 1008, height: 756 }
const PREPARE_ONCE = fileURLToPath(new URL('../lib/prepare-once.ts', import.meta.url))
/** The documented bound. AVIF comes nearest: its decoder keeps a frame's planes and their converted copy. */
const BOUND_BYTES_PER_PIXEL = 20

/** File types with different needs in the decoder. */
const KINDS: Record<string, (image: Image) => Image> = {
  JPEG: image => image.jpeg({ quality: 90 }),
  'JPEG, progressive': image => image.jpeg({ quality: 90, progressive: true }),
  'JPEG, on its side': image => image.withMetadata({ orientation: 6 }).jpeg({ quality: 90 }),
  PNG: image => image.png({ compressionLevel: 3 }),
  'PNG, interlaced, 16 bits, alpha': image =>
    image.ensureAlpha().toColourspace('rgb16').png({ compressionLevel: 1, progressive: true }),
  WebP: image => image.webp({ quality: 80, effort: 2 }),
  AVIF: image => image.avif({ quality: 60, effort: 0 }),
  TIFF: image => image.tiff({ compression: 'lzw' })
}

/** Peak memory of preparing one image of 50 megapixels, compared with the documented bound. */
export const preparationMemory: Scenario = {
  title: 'Memory of preparing one image of 50 megapixels, above that of an idle process',

  async run (bench) {
    const dir = mkdtempSync(path.join(os.tmpdir(), 'sightline-bench-'))
    const rows: Row[] = []
    try {
      const { data } = await drawImage(bench.freshSeed(), SIZE)
      for (const [kind, encode] of Object.entries(KINDS)) {
        bench.log(kind)
        rows.push(await measure(kind, dir, await encode(sharp(data, { limitInputPixels: false })).toBuffer()))
      }
      bench.log('HEIC')
      const heic = encodeHeic(data)
      if (heic === null) bench.log('heif-enc is not installed, so HEIC is left out')
      else rows.push(await measure('HEIC', dir, heic))
    } finally {
      rmSync(dir, { recursive: true })
    }
    return rows
  }
}

async function measure (kind: string, dir: string, content: Buffer): Promise<Row> {
  const file = path.join(dir, 'image')
  writeFileSync(file, content)
  const row = createRow(kind, 'MB')
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--import', 'tsx', PREPARE_ONCE, file, ...Object.values(TARGET).map(String)
  ])
  row.add('Sightline', Number(stdout) / 1e6)
  row.add('bound', SIZE.width * SIZE.height * BOUND_BYTES_PER_PIXEL / 1e6)
  return row
}
