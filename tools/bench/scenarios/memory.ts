import type { RunningContender } from '../contenders/contender.ts'
import { drawImages, type Image, type ImageFormat } from '../lib/images.ts'
import { residentBytes } from '../lib/processes.ts'
import { createRow, withContenders, type Row, type Scenario } from './scenario.ts'

const CLIENTS = 4
const LARGE = { width: 8160, height: 6120 }
// Neither llama-server nor llama.node reads WebP.
const FORMATS: ImageFormat[] = ['jpeg', 'png']
const SAMPLE_MS = 20

/** Memory of four parallel requests with an image of 50 megapixels each, above that of the idle server. */
export const memory: Scenario = {
  title: 'Peak resident memory of all processes of a server with four parallel requests, each with 50 megapixels',

  async run (bench) {
    const idle = createRow('idle', 'MB')
    const rows: Row[] = [idle]
    await withContenders(bench, CLIENTS, async running => {
      for (const { name, pid } of running) idle.add(name, residentBytes(pid) / 1e6)
      for (const format of FORMATS) {
        const row = createRow(`peak above that, ${format}`, 'MB')
        for (const contender of running) {
          bench.log(`${format}: ${contender.name}`)
          const images = await drawImages(Array.from({ length: CLIENTS }, bench.freshSeed), { ...LARGE, format })
          row.add(contender.name, await peakAboveIdle(contender, images) / 1e6)
        }
        rows.push(row)
      }
    })
    return rows
  }
}

async function peakAboveIdle ({ pid, ask }: RunningContender, images: Image[]): Promise<number> {
  const idle = residentBytes(pid)
  let peak = idle
  const sampler = setInterval(() => { peak = Math.max(peak, residentBytes(pid)) }, SAMPLE_MS)
  try {
    await Promise.all(
      images.map(image => ask({ turns: [{ role: 'user', text: 'Describe it.', images: [image] }], maxTokens: 1 }))
    )
  } finally {
    clearInterval(sampler)
  }
  return peak - idle
}
