import { buildsOf, type RunningSightline } from '../contenders/sightline.ts'
import { readSse, readText, type Body } from '../lib/http.ts'
import { drawImages } from '../lib/images.ts'
import { pacedPost } from '../lib/paced-post.ts'
import { PATH, start, toJson } from './json-images.ts'
import { createRow, eachRound, type Scenario } from './scenario.ts'

const LARGE = { width: 4000, height: 3000 }
/** 10 Mbit/s. */
const SLOW_BYTES_PER_SECOND = 1.25e6
/** The last two are the cases with the least to gain: the whole request is there almost at once. */
const CASES = [
  { measure: 'four jpeg, 10 Mbit/s', images: 4, format: 'jpeg', bytesPerSecond: SLOW_BYTES_PER_SECOND },
  { measure: 'four webp, 10 Mbit/s', images: 4, format: 'webp', bytesPerSecond: SLOW_BYTES_PER_SECOND },
  { measure: 'four jpeg, loopback', images: 4, format: 'jpeg', bytesPerSecond: Infinity },
  { measure: 'one jpeg, loopback', images: 1, format: 'jpeg', bytesPerSecond: Infinity }
] as const

/** The gain from preparing and encoding images while the rest of a JSON body is still arriving. */
export const jsonUplink: Scenario = {
  title: 'Time to the first token of photos of 12 megapixels in a JSON body',

  async run (bench) {
    const cases = CASES.map(one => ({ ...one, first: createRow(`${one.measure}: first token`, 'ms') }))
    const running: RunningSightline[] = []
    try {
      for (const build of buildsOf(bench.before)) running.push(await start(bench, build))
      for (const { measure, images, format, bytesPerSecond, first } of cases) {
        bench.log(measure)
        await eachRound(bench, running, bench.rounds, async service => {
          const photos = await drawImages(Array.from({ length: images }, bench.freshSeed), { ...LARGE, format })
          const ms = await firstToken(service, toJson(photos), bytesPerSecond)
          bench.log(`first token after ${Math.round(ms)} ms`)
          first.add(service.name, ms)
        })
      }
    } finally {
      await Promise.all(running.map(service => service.stop()))
    }
    return cases.map(({ first }) => first)
  }
}

/** Returns the milliseconds from the begin of the upload to the first token. */
async function firstToken ({ url }: RunningSightline, body: Body, bytesPerSecond: number): Promise<number> {
  const startedAt = performance.now()
  const { response } = await pacedPost(url + PATH, body, bytesPerSecond)
  if (response.statusCode !== 200) throw new Error(`Status ${response.statusCode}: ${await readText(response)}`)
  let firstAt: number | null = null
  for await (const { event, data, at } of readSse(response)) {
    if (event === 'error') throw new Error(data)
    if (event === 'token') firstAt ??= at
  }
  if (firstAt === null) throw new Error('The answer has no token')
  return firstAt - startedAt
}
