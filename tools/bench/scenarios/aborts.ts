import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { createSightline, sightline, toBody, type RunningSightline } from '../contenders/sightline.ts'
import { withComment } from '../lib/changing-jpeg.ts'
import { readSse, type Body } from '../lib/http.ts'
import { drawImages, type Image } from '../lib/images.ts'
import { median, percentile } from '../lib/stats.ts'
import { generator } from '../../lib/random.ts'
import { createRow, needLongAnswers, rotated, type Row, type Scenario } from './scenario.ts'

const OTHERS = 3
const SLOTS = OTHERS + 1
/** Images of a request: 12 megapixels each, as a telephone takes them. */
const IMAGES = 4
const LARGE = { width: 4000, height: 3000 }
/**
 * Large enough for an encoding to take seconds on two cores, small enough for an abort in each phase of a request
 * within some minutes.
 */
const IMAGE_TOKENS = { min: 8, max: 256 }
const ANSWER_TOKENS = 2000
/** An upload that is to be aborted is sent in so many pieces, with a pause after each. */
const PIECES = 40
const PIECE_PAUSE_MS = 20
/** Pieces that are sent in any case, so that the service has seen the request. */
const FIRST_PIECES = 8
const DECODING_MS = 1_000
/** A slot that is taken for longer counts as lost. */
const LOST_MS = 600_000

/**
 * The part of its life in which a request is aborted, as far as its client can tell. Encoding includes the wait for
 * the encoder.
 */
type Phase = 'upload' | 'preparation' | 'encoding' | 'prefill' | 'decoding'
/** Aborts of each phase in a round. Those that come late in a request's life take long. */
const ABORTS: Record<Phase, number> = { upload: 3, preparation: 3, encoding: 3, prefill: 2, decoding: 2 }
const PHASES = Object.keys(ABORTS) as Phase[]

const STATISTICS: Array<[name: string, of: (values: number[]) => number]> = [
  ['median', median],
  ['90th percentile', values => percentile(values, 0.9)],
  ['99th percentile', values => percentile(values, 0.99)],
  ['max', values => Math.max(...values)]
]

/** How long the slot of an aborted request stays taken while three other clients have large images encoded. */
export const aborts: Scenario = {
  title: 'From an abort until the slot is free, while three clients keep sending four new images of 12 megapixels',

  async run (bench) {
    needLongAnswers(bench, 'aborts')
    const random = generator(bench.freshSeed())
    const measured: Measured = new Map()
    const contenders = [sightline]
    if (bench.before !== null) contenders.push(createSightline('before', bench.before, 'the build that --before names'))
    const { threads, gpu, model: { model, mmproj, contextSize } } = bench
    const options = { model, mmproj, slots: SLOTS, contextSize, threads, gpu, imageTokens: IMAGE_TOKENS }
    const running: RunningSightline[] = []
    try {
      for (const contender of contenders) {
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

/** Milliseconds of the phases of a request, as the client of an undisturbed one sees them. */
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

  /** Lets one request come to its first token, then aborts it. Its images are known from then on. */
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
    const request = send(service.url, await ask(images, system), { id, isKnown })
    await request.reach('decoding')
    request.close()
    await free
    return request.at
  }

  /**
   * @param phase in which the request is to be aborted, at a random moment of it
   * @returns the phase in which it was when it was aborted, and how long its slot was taken from then on
   */
  async function abortIn (phase: Phase): Promise<{ phase: Phase, ms: number }> {
    const id = `${service.name}-${++count}`
    // For the late phases the images are known: what comes before them is short then.
    const isKnown = phase === 'prefill' || phase === 'decoding'
    const body = await ask(isKnown ? images : fresh(), `Request ${phase === 'decoding' ? 0 : count}`)
    const free = service.slotFree(id)
    const pieces = phase === 'upload' ? FIRST_PIECES + Math.floor(random() * (PIECES - FIRST_PIECES)) : PIECES
    const request = send(service.url, body, { id, isKnown, pieces: phase === 'upload' ? pieces : undefined })
    await request.reach(phase)
    if (phase === 'upload') await request.sent
    else await sleep(random() * (phase === 'decoding' ? DECODING_MS : lengths![phase]))
    const met = request.phase()
    const closedAt = request.close()
    const freeAt = await Promise.race([free, sleep(LOST_MS, null, { ref: false })])
    if (freeAt === null) throw new Error(`${LOST_MS / 1000} s after an abort in its ${met} the slot is still taken`)
    return { phase: met, ms: Number(freeAt - closedAt) / 1e6 }
  }

  return { service, learn, abortIn }
}

/** Starts the other clients and waits until all of them have had an image encoded. Returns what stops them. */
async function disturb (
  service: RunningSightline, images: readonly Image[], name: string
): Promise<() => Promise<void>> {
  const stop = new AbortController()
  const open = new Set<ReturnType<typeof send>>()
  const loops = Array.from({ length: OTHERS }, (_, client) => {
    const own = images.slice(client * IMAGES, (client + 1) * IMAGES)
    let isUnderWay!: () => void
    const underWay = new Promise<void>(resolve => { isUnderWay = resolve })
    const loop = async () => {
      for (let i = 0; !stop.signal.aborted; i++) {
        const shown = own.map(image => ({ ...image, data: withComment(image.data, `${name} ${client} ${i}`) }))
        const body =
          await toBody({ turns: [{ role: 'user', text: 'Describe the images.', images: shown }], maxTokens: 1 })
        const request = send(service.url, body, { onEncoded: isUnderWay })
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
    // Their slots are free again before anybody else is measured.
    while (await takenSlots(service.url) > 0) await sleep(50)
  }
}

async function takenSlots (url: string): Promise<number> {
  const status = await (await fetch(`${url}/api/status`)).json() as { slots: { taken: number } }
  return status.slots.taken
}

interface SendOptions {
  id?: string
  /** The engine has the images' embeddings: there is no encoding. */
  isKnown?: boolean
  /** Sends so many of `PIECES` pieces of the body, slowly, and never the rest; by default all at once. */
  pieces?: number | undefined
  onEncoded?: () => void
}

/** Sends a request and follows its life by the events that come back. */
function send (url: string, { type, bytes }: Body, { id, isKnown, pieces, onEncoded }: SendOptions) {
  const at: Partial<Record<Phase, number>> = { upload: performance.now() }
  const reached = new EventTarget()
  let failure: string | null = null
  let isClosed = false
  let receipts = 0
  const enter = (phase: Phase) => {
    if (at[phase] !== undefined) return
    at[phase] = performance.now()
    reached.dispatchEvent(new Event(phase))
  }

  const outgoing = httpRequest(`${url}/api/chat_stream`, {
    method: 'POST',
    agent: false,
    headers: {
      'content-type': type,
      'content-length': bytes.length,
      accept: 'text/event-stream',
      ...id !== undefined && { 'x-bench-request': id }
    }
  })
  outgoing.on('error', error => { if (!isClosed) failure ??= error.message })
  outgoing.once('finish', () => enter('preparation'))
  const sent = write()
  const over = read().catch(error => { if (!isClosed) failure ??= (error as Error).message })

  async function write (): Promise<void> {
    if (pieces === undefined) {
      outgoing.end(bytes)
      return
    }
    const size = Math.ceil(bytes.length / PIECES)
    for (let piece = 0; piece < pieces; piece++) {
      outgoing.write(bytes.subarray(piece * size, (piece + 1) * size))
      await sleep(PIECE_PAUSE_MS)
    }
  }

  async function read (): Promise<void> {
    const closed = once(outgoing, 'close').then(() => null)
    const head = once(outgoing, 'response').then(([response]) => response as IncomingMessage)
    head.catch(() => {})
    const response = await Promise.race([head, closed])
    if (response === null) return
    if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`)
    for await (const { event, data } of readSse(response)) {
      if (event === 'image' && ++receipts === IMAGES) {
        enter('encoding')
        if (isKnown) enter('prefill')
      }
      if (event === 'token') enter('decoding')
      if (event === 'error') throw new Error(data)
      if (event !== 'progress') continue
      const { stage, done, total } = JSON.parse(data) as { stage: string, done: number, total: number }
      if (stage !== 'encode') continue
      onEncoded?.()
      if (done === total) {
        enter('encoding')
        enter('prefill')
      }
    }
  }

  return {
    at,
    sent,
    over,
    get failure () { return failure },
    phase: () => [...PHASES].reverse().find(phase => at[phase] !== undefined)!,
    /** Waits until the request is in a phase, or beyond it. */
    async reach (phase: Phase): Promise<void> {
      if (at[phase] !== undefined) return
      const ended = over.then(() => { throw new Error(`The request ended before its ${phase}: ${failure}`) })
      await Promise.race([once(reached, phase), ended])
      ended.catch(() => {})
    },
    /** Closes the connection. Returns when, in nanoseconds on the machine's monotonic clock. */
    close (): bigint {
      isClosed = true
      const now = process.hrtime.bigint()
      outgoing.destroy()
      return now
    }
  }
}
