import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Size } from '../../../services/images/plan.ts'
import sharp from '../../../services/images/sharp.ts'
import { encodeHeic } from '../lib/heic.ts'
import { drawImage, type ImageFormat } from '../lib/images.ts'
import { PAGE, PREPARED_PAGE, scannedPage, textPage } from '../lib/pages.ts'
import { prepareFile } from '../lib/prepare-file.ts'
import { createRow, rotated, type Bench, type Row, type Scenario } from './scenario.ts'

const SIZES = { '12 megapixels': { width: 4000, height: 3000 }, '50 megapixels': { width: 8160, height: 6120 } }
const FORMATS: ImageFormat[] = ['jpeg', 'png', 'webp']
/** Size of a prepared photograph of 4:3 with default settings. */
const TARGET = { width: 1008, height: 756 }
/** A thread of a decoder that has decoded such an image is kept for the next one. */
const SMALL = { width: 64, height: 64 }

/** Preparation of one image, compared with a plain decode, resize and encode. */
export const preparation: Scenario = {
  title: 'Preparing one image (photographs to 1008 x 756, pages to 700 x 1008), one thread',

  async run (bench) {
    const dir = mkdtempSync(path.join(os.tmpdir(), 'sightline-bench-'))
    const rows: Row[] = []
    try {
      for (const [label, size] of Object.entries(SIZES)) {
        for (const format of FORMATS) {
          const { data } = await drawImage(bench.freshSeed(), { ...size, format })
          rows.push(await compare(bench, `${label}, ${format}`, write(dir, format, data), TARGET))
        }
        rows.push(...await measureHeic(bench, label, dir, size))
      }
      rows.push(...await measurePages(bench, dir))
    } finally {
      rmSync(dir, { recursive: true })
    }
    return rows
  }
}

function write (dir: string, extension: string, data: Buffer, name = 'image'): string {
  const file = path.join(dir, `${name}.${extension}`)
  writeFileSync(file, data)
  return file
}

async function compare (bench: Bench, measure: string, file: string, target: Size): Promise<Row> {
  bench.log(measure)
  const row = createRow(measure, 'ms')
  for (let round = 0; round < bench.rounds; round++) {
    for (const [name, prepare] of rotated(Object.entries(WAYS), round)) {
      row.add(name, (await timed(() => prepare(file, target))).wallMs)
    }
  }
  return row
}

async function measureHeic (bench: Bench, label: string, dir: string, size: Size): Promise<Row[]> {
  const heic = encodeHeic((await drawImage(bench.freshSeed(), size)).data)
  const small = encodeHeic((await drawImage(bench.freshSeed(), SMALL)).data)
  if (heic === null || small === null) {
    bench.log('heif-enc is not installed, so HEIC is left out')
    return []
  }
  return await measureDecoder(
    bench, `${label}, heic`, write(dir, 'heic', heic), write(dir, 'heic', small, 'small'), TARGET
  )
}

/** Pages of PDFs, and a JPEG of the same size. */
async function measurePages (bench: Bench, dir: string): Promise<Row[]> {
  const { data: scan } = await drawImage(bench.freshSeed(), PAGE)
  const small = write(dir, 'pdf', textPage(), 'small')
  return [
    await compare(bench, 'A4 page, jpeg', write(dir, 'jpg', scan), PREPARED_PAGE),
    ...await measureDecoder(bench, 'A4 page, PDF with text', write(dir, 'pdf', textPage()), small, PREPARED_PAGE),
    ...await measureDecoder(
      bench, 'A4 page, PDF with a scan', write(dir, 'pdf', scannedPage(scan)), small, PREPARED_PAGE
    )
  ]
}

/**
 * Measures a format that a thread decodes. No other way is measured, because sharp cannot decode it. The start of the
 * thread does not count.
 * @param small a file of this format, for which the thread starts
 */
async function measureDecoder (
  bench: Bench, measure: string, file: string, small: string, target: Size
): Promise<Row[]> {
  bench.log(measure)
  const [wall, cpu] = [createRow(measure, 'ms'), createRow(`${measure}, time of all cores`, 'ms')]
  for (let round = 0; round < bench.rounds; round++) {
    await prepareFile(small, SMALL)
    const { wallMs, cpuMs } = await timed(() => prepareFile(file, target))
    wall.add('Sightline', wallMs)
    cpu.add('Sightline', cpuMs)
  }
  return [wall, cpu]
}

const WAYS: Record<string, (file: string, target: Size) => Promise<unknown>> = {
  Sightline: prepareFile,
  'plain, same filter': (file, { width, height }) => sharp(file)
    .resize(width, height, { fit: 'fill', kernel: 'lanczos3', fastShrinkOnLoad: false })
    .png({ compressionLevel: 0 })
    .toFile(`${file}.plain.png`),
  'plain, sharp\'s defaults': (file, { width, height }) => sharp(file)
    .resize(width, height, { fit: 'fill' })
    .png()
    .toFile(`${file}.default.png`)
}

/** Returns the time of the clock, and the time of this process on all cores. */
async function timed (run: () => Promise<unknown>): Promise<{ wallMs: number, cpuMs: number }> {
  const [started, cpu] = [performance.now(), process.cpuUsage()]
  await run()
  const { user, system } = process.cpuUsage(cpu)
  return { wallMs: performance.now() - started, cpuMs: (user + system) / 1000 }
}
