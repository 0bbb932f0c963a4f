/**
 * The child process. It runs node-llama-cpp and the vision bridge, serves its parent through the IPC channel, and
 * ends when the channel closes.
 */
import type { StepItem } from '../../../native/vision.ts'
import { untilAborted } from '../../abort.ts'
import { createDeferred, type Deferred } from '../../deferred.ts'
import { blockOtherLoaders } from '../../images/sharp.ts'
import type { EngineEvent, EngineImage, GenerateRequest } from '../engine.ts'
import { EarlyEncoder } from './early-encoder.ts'
import { createEncoder } from './encoder.ts'
import { toWire } from './failure.ts'
import { createGenerator } from './generator.ts'
import { ImageCache } from './image-cache.ts'
import type { WorkerLog } from './log.ts'
import { loadModel, type LoadedModel } from './model.ts'
import { countTextTokens, RenderedPrompts } from './prompt.ts'
import { closingOf } from './prompt/thought-syntax.ts'
import type { FromWorker, FromWorkerBatch, ToWorker, WireRequest, WorkerOptions } from './protocol.ts'
import { Rounds } from './rounds.ts'
import { VramGauge } from './vram.ts'

const STATS_INTERVAL_MS = 2_000

interface Service {
  loaded: LoadedModel
  cache: ImageCache
  prompts: RenderedPrompts
  vram: VramGauge
  early: EarlyEncoder | null
  generate: ReturnType<typeof createGenerator>
}

/** A running answer or early encoding, and the files for which it waits, by the index of their image. */
interface Running {
  abort: AbortController
  /** Settles when the computation has ended. Never rejects. */
  over: Promise<void>
  files: Map<number, Deferred<string>>
}

let service: Service | null = null
/** Resident memory in bytes. It is measured at intervals, because that takes longer than all other measurements. */
let memory = 0
const running = new Map<number, Running>()

let outbox: FromWorkerBatch = []

/** Sends a message together with all others of this turn of the event loop. */
function send (message: FromWorker): void {
  if (outbox.push(message) > 1) return
  setImmediate(() => {
    const messages = outbox
    outbox = []
    if (process.connected) process.send!(messages)
  })
}

async function load (options: WorkerOptions): Promise<void> {
  const log: WorkerLog = (level, message, details) => send({ type: 'log', level, message, details })
  const loaded = await loadModel(options, log,
    (file, done, total) => send({ type: 'download', file, done, total }))
  const rounds = new Rounds((items: StepItem[]) => loaded.decoder.step(items))
  const cache = new ImageCache(options.imageCacheBytes)
  const encode = loaded.vision === null ? null : createEncoder({ ...loaded, vision: loaded.vision, rounds })
  const prompts = new RenderedPrompts(loaded.prompts.render)
  const vram = new VramGauge(loaded.llama, log)
  const early = encode && new EarlyEncoder({ cache, encode })
  const generate = createGenerator({ loaded, rounds, cache, prompts, encode, early })
  service = { loaded, cache, prompts, vram, early, generate }
  measure()
  send({ type: 'loaded', info: loaded.info })
}

// Native code computes on other threads, so this thread always responds; the parent replaces a silent process.
setInterval(() => service === null ? send({ type: 'alive' }) : measure(), STATS_INTERVAL_MS).unref()

function measure (): void {
  memory = process.memoryUsage.rss()
  sendStats()
  // The next statistics contain the result.
  if (service!.loaded.info.device !== 'cpu') void service!.vram.measure()
}

function sendStats (): void {
  const { cache, vram } = service!
  send({
    type: 'stats',
    stats: {
      caches: { images: cache.size, imageBytes: cache.bytes, imageBytesLimit: cache.limitBytes },
      memory,
      vram: vram.state
    }
  })
}

function inspect ({ id, turns, tools, ids, thinks }: Extract<ToWorker, { type: 'inspect' }>): void {
  const { prompts, cache, loaded } = service!
  const closing = closingOf(loaded.prompts.thoughts, thinks)
  const textTokens = turns.length === 0 ? 0 : countTextTokens(prompts.render(turns, tools, thinks)) + closing.length
  const known = ids.flatMap(image => cache.sizesOf(image))
  send({ type: 'inspected', id, inspection: { textTokens, known } })
}

function generate (id: number, request: WireRequest): void {
  const abort = new AbortController()
  const files: Running['files'] = new Map()
  const { signal } = abort
  async function run (): Promise<void> {
    const emit = (event: EngineEvent) => { if (!signal.aborted) send({ type: 'event', id, event }) }
    const answer = (async () => await service!.generate(fromWire(id, request, { abort, files }), signal, emit))()
    try {
      // An aborted request ends at once. Work that cannot be interrupted keeps its sequence, so the amount of such work
      // is limited to the number of sequences.
      await untilAborted(answer, signal)
    } catch (error) {
      fail(id, error, signal)
    }
    await answer.catch(() => {})
    running.delete(id)
    sendStats()
    send({ type: 'released', id })
  }
  running.set(id, { abort, files, over: run() })
}

/** Encodes an image early. The record stays until the parent aborts it, because the signal also ends the keeping. */
function encodeEarly ({ id, image, path }: Extract<ToWorker, { type: 'encode' }>): void {
  const abort = new AbortController()
  const { signal } = abort
  async function run (): Promise<void> {
    // The answer that needs the image meets the same error and reports it.
    await service!.early?.encode({ ...image, file: async () => path }, signal).catch(() => {})
    sendStats()
    send({ type: 'encoded', id })
    const forget = () => running.delete(id)
    if (signal.aborted) forget()
    else signal.addEventListener('abort', forget, { once: true })
  }
  running.set(id, { abort, files: new Map(), over: run() })
}

function fromWire (id: number, request: WireRequest, answer: Pick<Running, 'abort' | 'files'>): GenerateRequest {
  const images = request.images.map(({ hasFile, ...image }, index): EngineImage => {
    if (!hasFile) return image
    let path: Promise<string> | undefined
    return { ...image, file: async () => await (path ??= requestFile(id, index, answer)) }
  })
  return { ...request, images }
}

async function requestFile (
  id: number, image: number, { abort: { signal }, files }: Pick<Running, 'abort' | 'files'>
): Promise<string> {
  signal.throwIfAborted()
  const path = createDeferred<string>()
  const stop = () => path.reject(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  files.set(image, path)
  send({ type: 'need-file', id, image })
  try {
    return await path.promise
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

function fail (id: number, error: unknown, signal?: AbortSignal): void {
  const wire = toWire(error, signal)
  if (wire.code === 'ENGINE_ERROR') {
    send({
      type: 'log', level: 'error', message: error instanceof Error ? error.stack ?? error.message : String(error)
    })
  }
  send({ type: 'failed', id, error: wire })
}

async function close (): Promise<void> {
  // Wait for running computations, because they use what is disposed of next.
  for (const { abort } of running.values()) abort.abort()
  await Promise.all([...running.values()].map(({ over }) => over))
  service?.cache.clear()
  await service?.loaded.llama.dispose()
  process.exit(0)
}

process.on('message', (message: ToWorker) => {
  switch (message.type) {
    case 'load':
      load(message.options).catch((error: Error) => send({ type: 'load-failed', message: error.message }))
      break
    case 'inspect':
      try {
        inspect(message)
      } catch (error) {
        fail(message.id, error)
      }
      break
    case 'generate':
      generate(message.id, message.request)
      break
    case 'encode':
      encodeEarly(message)
      break
    case 'file':
      running.get(message.id)?.files.get(message.image)?.resolve(message.path)
      break
    case 'abort':
      running.get(message.id)?.abort.abort()
      break
    case 'close':
      void close()
      break
  }
})

blockOtherLoaders()

// node-llama-cpp tests its binary in a new process, which does not need the TypeScript loader of this process.
process.execArgv.length = 0

// Ctrl-C sends SIGINT to the whole process group, but the parent decides when this process ends: answers may be
// running.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
process.on('disconnect', () => process.exit(0))
