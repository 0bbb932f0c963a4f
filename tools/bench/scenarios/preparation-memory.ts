import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import sharp from '../../../services/images/sharp.ts'
import type { Size } from '../../../services/images/plan.ts'
import { encodeHeic } from '../lib/heic.ts'
import { drawImage } from '../lib/images.ts'
import { PAGE, PREPARED_PAGE, scannedPage, textPage } from '../lib/pages.ts'
import { createRow, type Row, type Scenario } from './scenario.ts'

type Image = ReturnType<typeof sharp>

const SIZE = { width: 8160, height: 6120 }
const USUAL_SIZE = { width: 4000, height: 3000 }
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

/** Peak memory of preparing one image, compared with the documented bound. */
export const preparationMemory: Scenario = {
  title: 'Memory of preparing one image (of 50 megapixels, if nothing else is said), above that of an idle process',

  async run (bench) {
    const dir = mkdtempSync(path.join(os.tmpdir(), 'sightline-bench-'))
    const rows: Row[] = []
    try {
      const { data } = await drawImage(bench.freshSeed(), SIZE)
      const { data: usual } = await drawImage(bench.freshSeed(), USUAL_SIZE)
      const { data: scan } = await drawImage(bench.freshSeed(), PAGE)
      for (const [kind, encode] of Object.entries(KINDS)) {
        bench.log(kind)
        rows.push(await measure(kind, dir, await encode(sharp(data, { limitInputPixels: false })).toBuffer()))
      }
      rows.push(await measure('JPEG of 12 megapixels', dir, usual, USUAL_SIZE))
      const files = [['HEIC', data, SIZE], ['HEIC of 12 megapixels', usual, USUAL_SIZE]] as const
      for (const [kind, source, size] of files) {
        bench.log(kind)
        const heic = encodeHeic(source)
        if (heic === null) bench.log('heif-enc is not installed, so HEIC is left out')
        else rows.push(await measure(kind, dir, heic, size))
      }
      rows.push(await measure('JPEG of an A4 page', dir, scan, PAGE, PREPARED_PAGE))
      for (const [kind, pdf] of [['text', textPage()], ['a scan', scannedPage(scan)]] as const) {
        bench.log(`PDF with ${kind}`)
        rows.push(await measure(`A4 page of a PDF with ${kind}`, dir, pdf, PAGE, PREPARED_PAGE, 'pdf'))
      }
    } finally {
      rmSync(dir, { recursive: true })
    }
    return rows
  }
}

async function measure (
  kind: string, dir: string, content: Buffer, size: Size = SIZE, target: Size = TARGET, extension = 'image'
): Promise<Row> {
  const file = path.join(dir, `image.${extension}`)
  writeFileSync(file, content)
  const row = createRow(kind, 'MB')
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--import', 'tsx', PREPARE_ONCE, file, String(target.width), String(target.height)
  ])
  row.add('Sightline', Number(stdout) / 1e6)
  row.add('bound', size.width * size.height * BOUND_BYTES_PER_PIXEL / 1e6)
  return row
}
