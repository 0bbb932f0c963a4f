import { buildsOf, type RunningSightline } from '../contenders/sightline.ts'
import { post, readText, type Body } from '../lib/http.ts'
import { drawImage, drawImages, type Image } from '../lib/images.ts'
import { ownResidentBytes, peakBytesDuring } from '../lib/processes.ts'
import { createRow, eachRound, type Bench, type Scenario } from './scenario.ts'

export const PATH = '/api/chat_stream'
const CLIENTS = 4
const IMAGES = 4
/** JSON of one client. */
const BODY_BYTES = 100e6
/** Limits that earlier builds need for such bodies. */
const SETTINGS = { JSON_BODY_LIMIT_MB: '512', MAX_FILE_SIZE_MB: '100' }

/** Memory and event loop of the service while it reads JSON bodies with images. */
export const jsonImages: Scenario = {
  title: 'Images in JSON bodies: four clients with 100 MB each',

  async run (bench) {
    const peak = createRow('4 × 100 MB: peak memory of the HTTP process above idle', 'MB')
    const delay = createRow('4 × 100 MB: longest delay of the event loop', 'ms')
    const total = createRow('4 × 100 MB: until the last answer', 'ms')
    const running: RunningSightline[] = []
    try {
      for (const build of buildsOf(bench.before)) running.push(await start(bench, build))
      // Later rounds begin with the memory that the first one has left.
      const idle = new Map(running.map(service => [service, ownResidentBytes(service.pid)]))
      await eachRound(bench, running, bench.rounds, async service => {
        const body = await bodyOf100Mb(bench)
        await service.eventLoopDelay()
        const startedAt = performance.now()
        const peakBytes = await peakBytesDuring(service.pid, () =>
          Promise.all(Array.from({ length: CLIENTS }, () => ask(service, body))))
        peak.add(service.name, (peakBytes - idle.get(service)!) / 1e6)
        total.add(service.name, performance.now() - startedAt)
        delay.add(service.name, (await service.eventLoopDelay()).max)
      })
    } finally {
      await Promise.all(running.map(service => service.stop()))
    }
    return [peak, delay, total]
  }
}

/** Starts a build with limits for large bodies, and warms it up. */
export async function start (bench: Bench, build: ReturnType<typeof buildsOf>[number]): Promise<RunningSightline> {
  const { model, mmproj, contextSize, imageTokens } = bench.model
  const options = { model, mmproj, slots: CLIENTS, contextSize, threads: bench.threads, gpu: bench.gpu, imageTokens }
  bench.log(`starting ${build.name}`)
  const service = await build.start(options, SETTINGS)
  await ask(service, toJson([await drawImage(bench.freshSeed(), bench.model.image)]))
  return service
}

export function toJson (images: readonly Image[]): Body {
  const uris = images.map(({ data, type }) => `data:${type};base64,${data.toString('base64')}`)
  const body = { message: 'Describe the images.', max_tokens: 4, temperature: 0, images: uris }
  return { type: 'application/json', bytes: Buffer.from(JSON.stringify(body)) }
}

/** Small images with many bytes after their end, so that preparing them costs no memory. */
async function bodyOf100Mb (bench: Bench): Promise<Body> {
  const bytes = Math.floor(BODY_BYTES / IMAGES * 3 / 4)
  const images = await drawImages(Array.from({ length: IMAGES }, bench.freshSeed), bench.model.image)
  return toJson(images.map(({ data, type }) => ({ type, data: Buffer.concat([data, Buffer.alloc(bytes)], bytes) })))
}

async function ask ({ url }: RunningSightline, body: Body): Promise<void> {
  const response = await post(url + PATH, body)
  const text = await readText(response)
  if (!text.includes('event: done')) throw new Error(`Status ${response.statusCode}: ${text.slice(0, 500)}`)
}
