/**
 * The child process: holds node-llama-cpp and the vision bridge, serves its parent over the channel, and dies with it.
 */
import type { Tool, Turn } from '../engine.ts'
import { createEncoder } from './encoder.ts'
import { toWire } from './failure.ts'
import { createGenerator } from './generator.ts'
import { loadModel, type LoadedModel } from './model.ts'
import { PictureCache } from './picture-cache.ts'
import { countTextTokens } from './prompt.ts'
import type { FromWorker, ToWorker, WorkerOptions } from './protocol.ts'
import { Rounds } from './rounds.ts'

const STATS_INTERVAL_MS = 2_000

interface Service {
  loaded: LoadedModel
  cache: PictureCache
  generate: ReturnType<typeof createGenerator>
}

let service: Service | null = null
const running = new Map<number, AbortController>()

function send (message: FromWorker): void {
  if (process.connected) process.send!(message)
}

async function load (options: WorkerOptions): Promise<void> {
  const loaded = await loadModel(options,
    (level, message) => send({ type: 'log', level, message }),
    (file, done, total) => send({ type: 'download', file, done, total }))
  const rounds = new Rounds()
  const cache = new PictureCache(options.imageCacheBytes)
  const encode = loaded.vision === null ? null : createEncoder({ ...loaded, vision: loaded.vision, rounds })
  service = { loaded, cache, generate: createGenerator({ loaded, rounds, cache, encode }) }
  sendStats()
  setInterval(sendStats, STATS_INTERVAL_MS).unref()
  send({ type: 'loaded', info: loaded.info })
}

function sendStats (): void {
  const { cache } = service!
  send({
    type: 'stats',
    stats: {
      caches: { images: cache.size, imageBytes: cache.bytes, imageBytesLimit: cache.limitBytes },
      memory: process.memoryUsage.rss()
    }
  })
}

function inspect (id: number, turns: Turn[], tools: Tool[], ids: string[]): void {
  const { loaded, cache } = service!
  const textTokens = countTextTokens(loaded.prompts.render(turns, tools))
  const known = ids.map(image => cache.find(image)).filter(image => image !== undefined)
  send({ type: 'inspected', id, inspection: { textTokens, known } })
}

async function generate (message: Extract<ToWorker, { type: 'generate' }>): Promise<void> {
  const abort = new AbortController()
  running.set(message.id, abort)
  try {
    await service!.generate(message.request, abort.signal, event => send({ type: 'event', id: message.id, event }))
  } catch (error) {
    fail(message.id, error, abort.signal)
  } finally {
    running.delete(message.id)
    sendStats()
  }
}

function fail (id: number, error: unknown, signal?: AbortSignal): void {
  const wire = toWire(error, signal)
  if (wire.code === 'ENGINE_ERROR') send({ type: 'log', level: 'error', message: error instanceof Error ? error.stack ?? error.message : String(error) })
  send({ type: 'failed', id, error: wire })
}

async function close (): Promise<void> {
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
        inspect(message.id, message.turns, message.tools, message.ids)
      } catch (error) {
        fail(message.id, error)
      }
      break
    case 'generate':
      void generate(message)
      break
    case 'abort':
      running.get(message.id)?.abort()
      break
    case 'close':
      void close()
      break
  }
})

// The parent decides when this process ends: a Ctrl-C reaches the whole process group, and answers may still be running.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
process.on('disconnect', () => process.exit(0))
