import path from 'node:path'
import { ROOT } from '../../../config/root.ts'
import { createSightline, sightline, toBody, type RunningSightline } from '../contenders/sightline.ts'
import { readSse, readText } from '../lib/http.ts'
import { drawImages, type Image, type ImageFormat } from '../lib/images.ts'
import { pacedPost } from '../lib/paced-post.ts'
import { createRow, eachRound, type Bench, type Row, type Scenario } from './scenario.ts'

const IMAGES = 4
const LARGE = { width: 4000, height: 3000 }
/** JPEG files are decoded at a reduced size, which is fast; WebP files are not. */
const FORMATS: ImageFormat[] = ['jpeg', 'webp']
/** The uplinks of a home connection and of a local network. */
const UPLINKS_MB_PER_SECOND = [2, 20]
const ANSWER_TOKENS = 4

const withoutAnticipation = createSightline(
  'without anticipation', ROOT, 'this service, which prepares images only when their request is complete',
  [path.join(ROOT, 'tools/bench/lib/no-anticipation.mjs')]
)

/** The gain from preparing images while the rest of their request is still arriving. */
export const anticipation: Scenario = {
  title: 'Time to the first token of four photos of 12 megapixels from a paced uplink, ' +
    'with and without preparation during the upload',

  async run (bench) {
    const { model: { model, mmproj, contextSize, imageTokens }, threads, gpu } = bench
    const options = { model, mmproj, slots: 1, contextSize, threads, gpu, imageTokens }
    const cases = FORMATS.flatMap(format => UPLINKS_MB_PER_SECOND.map(speed => ({
      format,
      speed,
      total: createRow(`${format} at ${speed} MB/s: first token`, 'ms'),
      afterUpload: createRow(`${format} at ${speed} MB/s: from the last byte to the first token`, 'ms')
    })))
    const running: RunningSightline[] = []
    try {
      for (const contender of [sightline, withoutAnticipation]) {
        bench.log(`starting ${contender.name}`)
        const service = await contender.start(options)
        running.push(service)
        await measure(service, await drawPhotos(bench, 'jpeg'), Infinity)
      }
      for (const { format, speed, total, afterUpload } of cases) {
        bench.log(`${format}, uplink of ${speed} MB/s`)
        await eachRound(bench, running, bench.rounds, async ({ name, url }) => {
          const { totalMs, afterUploadMs } = await measure({ url }, await drawPhotos(bench, format), speed)
          total.add(name, totalMs)
          afterUpload.add(name, afterUploadMs)
        })
      }
    } finally {
      await Promise.all(running.map(service => service.stop()))
    }
    return cases.flatMap(({ total, afterUpload }): Row[] => [total, afterUpload])
  }
}

/** Draws photos that no cache knows. */
function drawPhotos (bench: Bench, format: ImageFormat): Promise<Image[]> {
  return drawImages(Array.from({ length: IMAGES }, bench.freshSeed), { ...LARGE, format })
}

/**
 * Uploads a question and reads its answer.
 * @returns milliseconds to the first token: from the begin of the upload, and from its last byte
 */
async function measure (
  { url }: Pick<RunningSightline, 'url'>, images: readonly Image[], megabytesPerSecond: number
): Promise<{ totalMs: number, afterUploadMs: number }> {
  const turns = [{ role: 'user' as const, text: 'Describe the images.', images }]
  const body = await toBody({ turns, maxTokens: ANSWER_TOKENS })
  const startedAt = performance.now()
  const { response, sentAt } = await pacedPost(`${url}/api/chat_stream`, body, megabytesPerSecond * 1e6)
  if (response.statusCode !== 200) throw new Error(`Status ${response.statusCode}: ${await readText(response)}`)
  let firstTokenAt: number | null = null
  for await (const { event, data, at } of readSse(response)) {
    if (event === 'error') throw new Error(data)
    if (event === 'token') firstTokenAt ??= at
  }
  if (firstTokenAt === null) throw new Error('The answer has no token')
  return { totalMs: firstTokenAt - startedAt, afterUploadMs: firstTokenAt - sentAt }
}
