import { setTimeout as sleep } from 'node:timers/promises'
import { generator } from '../../lib/random.ts'
import { buildsOf, toBody, type RunningSightline } from '../contenders/sightline.ts'
import { withComment } from '../lib/changing-jpeg.ts'
import { PHASES, PIECES, sendFollowed, type FollowedRequest, type Phase } from '../lib/followed-request.ts'
import type { Body } from '../lib/http.ts'
import { drawImages, type Image } from '../lib/images.ts'
import { median, percentile } from '../lib/stats.ts'
import { createRow, needLongAnswers, rotated, type Row, type Scenario } from './scenario.ts'

const OTHERS = 3
const SLOTS = OTHERS + 1
/** Images of a request, of 12 megapixels each like photographs of a phone. */
const IMAGES = 4
const LARGE = { width: 4000, height: 3000 }
/**
 * Large enough for an encoding to take seconds on two cores, small enough to abort a request in each phase within
 * minutes.
 */
const IMAGE_TOKENS = { min: 8, max: 256 }
const ANSWER_TOKENS = 2000
/** Pieces of an upload that are always sent, so that the service has received the request. */
const FIRST_PIECES = 8
const DECODING_MS = 1_000
/** A slot that is taken for longer counts as leaked. */
const LOST_MS = 600_000

/** Number of aborts in each phase of a round. Those in late phases take long. */
const ABORTS: Record<Phase, number> = { upload: 3, preparation: 3, encoding: 3, prefill: 2, decoding: 2 }

const STATISTICS: Array<[name: string, of: (values: number[]) => number]> = [
  ['median', median],
  ['90th percentile', values => percentile(values, 0.9)],
  ['99th percentile', values => percentile(values, 0.99)],
  ['max', values => Math.max(...values)]
]

/** Time until the slot of an aborted request is free, while three other clients send large images. */
export const aborts: Scenario = {
  title: 'Time from an abort until the slot is free, while three clients keep sending four new images of 12 megapixels',

  async run (bench) {
    needLongAnswers(bench, 'aborts')
    const random = generator(bench.freshSeed())
    const measured: Measured = new Map()
    const { threads, gpu, model: { model, mmproj, contextSize } } = bench
    const imageTokens = { ...bench.model.imageTokens, ...IMAGE_TOKENS }
    const options = { model, mmproj, slots: SLOTS, contextSize, threads, gpu, imageTokens }
    const running: RunningSightline[] = []
    try {
      for (const contender of buildsOf(bench.before)) {
        bench.log(`starting ${contender.name}`)
        running.push(await contender.start(options))
        measured.set(contender.name, { upload: [], preparation: [], encoding: [], prefill: [], decoding: [] })
      }
      const images = await drawImages(Array.from({ length: (OTHERS + 1) * IMAGES }, bench.freshSeed), LARGE)
      const clients = running.map(service => createAborter(service, images.slice(0, IMAGES), random))
      for (let round = 0; round < bench.rounds; round++) {
        for (const client of rotated(clients, round)) {
          const { service } = client
          const stopOthers = await disturb(service, images.slice(IMAGES), `${round}`)
          try {
            bench.log(`round ${round + 1} of ${bench.rounds}: ${service.name}`)
            await client.learn()
            for (const phase of PHASES) {
              for (let i = 0; i < ABORTS[phase]; i++) {
                const { phase: met, ms } = await client.abortIn(phase)
                bench.log(`round ${round + 1} of ${bench.rounds}: ${service.name}, ${met}: ${ms.toFixed(1)} ms`)
                measured.get(service.name)![met].push(ms)
              }
            }
          } finally {
            await stopOthers()
          }
        }
      }
    } finally {
      await Promise.all(running.map(service => service.stop()))
    }
    return PHASES.flatMap(phase => rowsOf(phase, measured, phases => phases[phase]))
      .concat(rowsOf('all', measured, phases => Object.values(phases).flat()))
  }
}

type Measured = Map<string, Record<Phase, number[]>>

function rowsOf (name: string, measured: Measured, pick: (phases: Record<Phase, number[]>) => number[]): Row[] {
  const counts = [...measured.values()].map(phases => pick(phases).length)
  return STATISTICS.map(([statistic, of], index) => {
    const who = index === 0 ? `${name} (${counts.join(' and ')} aborts)` : name
    const row = createRow(`${who}: ${statistic}`, 'ms')
    for (const [contender, phases] of measured) {
      const values = pick(phases)
      if (values.length > 0) row.add(contender, of(values))
    }
    return row
  })
}

/** Durations of the phases of an undisturbed request, in milliseconds. */
interface Lengths { preparation: number, encoding: number, prefill: number }

/** A client that sends requests and aborts them. */
function createAborter (service: RunningSightline, images: readonly Image[], random: () => number) {
  let count = 0
  let lengths: Lengths | null = null
  const fresh = () => images.map(image => ({ ...image, data: withComment(image.data, `${service.name} ${count}`) }))
  const ask = async (shown: readonly Image[], system: string): Promise<Body> => await toBody({
    system,
    turns: [{ role: 'user', text: 'Describe the images.', images: shown }],
    maxTokens: ANSWER_TOKENS
  })

  /** Measures the phases with two requests up to their first token. Then the images are cached. */
  async function learn (): Promise<void> {
    if (lengths !== null) return
    const first = await untilFirstToken('Learn.', false)
    const known = await untilFirstToken('Learn again.', true)
    lengths = {
      preparation: first.encoding! - first.preparation!,
      encoding: first.prefill! - first.encoding!,
      prefill: known.decoding! - known.prefill!
    }
  }

  async function untilFirstToken (system: string, isKnown: boolean): Promise<Partial<Record<Phase, number>>> {
    const id = `${service.name}-${++count}`
    const free = service.slotFree(id)
    const request = sendFollowed(service.url, await ask(images, system), { images: IMAGES, id, isKnown })
    await request.reach('decoding')
    request.close()
    await free
    return request.at
  }

  /**
   * Aborts a request at a random moment.
   * @param phase the phase to abort it in
   * @returns the phase in which it was aborted, and the time from then until its slot was free
   */
  async function abortIn (phase: Phase): Promise<{ phase: Phase, ms: number }> {
    const id = `${service.name}-${++count}`
    // For late phases the images are cached, so that the phases before are short.
    const isKnown = phase === 'prefill' || phase === 'decoding'
    const body = await ask(isKnown ? images : fresh(), `Request ${phase === 'decoding' ? 0 : count}`)
    const free = service.slotFree(id)
    const pieces = phase === 'upload' ? FIRST_PIECES + Math.floor(random() * (PIECES - FIRST_PIECES)) : PIECES
    const options = { images: IMAGES, id, isKnown, pieces: phase === 'upload' ? pieces : undefined }
    const request = sendFollowed(service.url, body, options)
    await request.reach(phase)
    if (phase === 'upload') await request.sent
    else await sleep(random() * (phase === 'decoding' ? DECODING_MS : lengths![phase]))
    const met = request.phase()
    const closedAt = request.close()
    const freeAt = await Promise.race([free, sleep(LOST_MS, null, { ref: false })])
    if (freeAt === null) throw new Error(`The slot is still taken ${LOST_MS / 1000} s after an abort in its ${met}`)
    return { phase: met, ms: Number(freeAt - closedAt) / 1e6 }
  }

  return { service, learn, abortIn }
}

/** Starts other clients and waits until each has had an image encoded. @returns a function that stops them */
async function disturb (
  service: RunningSightline, images: readonly Image[], name: string
): Promise<() => Promise<void>> {
  const stop = new AbortController()
  const open = new Set<FollowedRequest>()
  const loops = Array.from({ length: OTHERS }, (_, client) => {
    const own = images.slice(client * IMAGES, (client + 1) * IMAGES)
    let isUnderWay!: () => void
    const underWay = new Promise<void>(resolve => { isUnderWay = resolve })
    const loop = async () => {
      for (let i = 0; !stop.signal.aborted; i++) {
        const shown = own.map(image => ({ ...image, data: withComment(image.data, `${name} ${client} ${i}`) }))
        const body =
          await toBody({ turns: [{ role: 'user', text: 'Describe the images.', images: shown }], maxTokens: 1 })
        const request = sendFollowed(service.url, body, { images: IMAGES, onEncoded: isUnderWay })
        open.add(request)
        await request.over
        open.delete(request)
        if (!stop.signal.aborted && request.failure !== null) throw new Error(`Another client got ${request.failure}`)
      }
    }
    return { underWay, over: loop() }
  })
  const failed = Promise.all(loops.map(({ over }) => over))
  failed.catch(() => {})
  await Promise.race([Promise.all(loops.map(({ underWay }) => underWay)), failed])
  return async () => {
    stop.abort()
    for (const request of open) request.close()
    await failed
    // All slots must be free before the next measurement.
    while (await takenSlots(service.url) > 0) await sleep(50)
  }
}

async function takenSlots (url: string): Promise<number> {
  const status = await (await fetch(`${url}/api/status`)).json() as { slots: { taken: number } }
  return status.slots.taken
}
