import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { ChatDone } from '../schemas/chat.ts'
import type { ChatObserver } from './chat/observer.ts'
import type { Engine } from './engine/engine.ts'
import type { Slots } from './slots.ts'
import type { UploadStore } from './upload-store.ts'

export interface MetricsOptions { engine: Engine, slots: Slots, store: UploadStore }

/** Figures for Prometheus. Labels are bounded: routes, codes of `errors/catalogue.ts` and stages, never what a client sent. */
export interface Metrics extends ChatObserver {
  readonly contentType: string
  /** Everything as it is now, in Prometheus's text format. */
  text (): Promise<string>
  /**
   * A request for the model has ended, admitted or not.
   * @param ending `ANSWERED`, or the code of the error
   */
  ended (route: string, ending: string): void
}

export const ANSWERED = 'ANSWERED'
/** The code of the error with which a request ends that nobody waits for. */
export const CLIENT_LEFT = 'CLIENT_LEFT'

/** Seconds: from a cached image to a long answer on CPUs. */
const STAGE_BUCKETS = [0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]
const GAP_BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5]
/** What `timings` of an answer call them, and what the label says. */
const STAGES = [
  ['queue_ms', 'queue'], ['upload_ms', 'upload'], [
    'prepare_ms', 'prepare'
  ], ['encode_ms', 'encode'], ['prefill_ms', 'prefill'],
  ['decode_ms', 'decode'], ['ttft_ms', 'first_token'], ['total_ms', 'total']
] as const

/** A registry for each service: several in one process do not disturb each other. */
export function createMetrics ({ engine, slots, store }: MetricsOptions): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })

  /** By route and ending. A busy service must not spend its time on counting whom it refuses. */
  const endings = new Map<string, Map<string, number>>()
  registry.registerMetric(new Counter({
    name: 'sightline_requests_total',
    help: 'Requests for the model that have ended, by how: ANSWERED or the code of an error',
    labelNames: ['route', 'ending'],
    registers: [],
    collect () {
      this.reset()
      for (const [route, counts] of endings) for (const [ending, count] of counts) this.inc({ route, ending }, count)
    }
  }))
  const stages = new Histogram({
    name: 'sightline_stage_seconds',
    help: 'Time that an answered request spent in each stage; first_token and total begin with the request',
    labelNames: ['stage'],
    buckets: STAGE_BUCKETS,
    registers
  })
  const gaps = new Histogram({
    name: 'sightline_token_gap_seconds', help: 'Time between two tokens of an answer', buckets: GAP_BUCKETS, registers
  })
  const tokens = new Counter({
    name: 'sightline_tokens_total',
    help: 'Tokens of answered requests: prompt (image and cached are parts of it), and completion',
    labelNames: ['kind'],
    registers
  })
  const imageCounter = new Counter({
    name: 'sightline_pictures_total',
    help: 'Pictures that answered requests sent, by whether their embedding was known',
    labelNames: ['cached'],
    registers
  })

  /** Asked for when somebody looks. */
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({ name, help, registers, collect () { this.set(read()) } })
  gauge('sightline_slots', 'Slots in all', () => slots.stats().size)
  gauge('sightline_slots_taken', 'Slots that requests hold', () => slots.stats().taken)
  gauge('sightline_queue_length', 'Requests that wait for a slot', () => slots.stats().queued)
  gauge('sightline_upload_folders', 'Requests that have temporary files', () => store.count())
  gauge('sightline_engine_ready', '1 while the model answers', () => engine.info().state === 'ready' ? 1 : 0)
  gauge('sightline_engine_restarts', 'How often the model process was restarted', () => engine.info().restarts)
  gauge('sightline_engine_resident_bytes', 'Resident memory of the model process', () => engine.info().memory)
  gauge('sightline_image_cache_pictures', 'Pictures whose embedding is kept', () => engine.info().caches.images)
  gauge('sightline_image_cache_bytes', 'Memory of those embeddings', () => engine.info().caches.imageBytes)
  gauge('sightline_image_cache_limit_bytes', 'IMAGE_CACHE_MB', () => engine.info().caches.imageBytesLimit)
  gauge('sightline_vram_used_bytes', 'Memory of the GPU that is in use, by anybody; 0 without one', () =>
    engine.info().vram.used)
  gauge('sightline_vram_bytes', 'Memory of the GPU; 0 without one', () => engine.info().vram.total)

  return {
    contentType: registry.contentType,
    text: async () => await registry.metrics(),
    ended (route, ending) {
      const counts = endings.get(route) ?? new Map<string, number>()
      counts.set(ending, (counts.get(ending) ?? 0) + 1)
      endings.set(route, counts)
    },
    onGap: ms => gaps.observe(ms / 1000),
    onAnswer ({ timings, usage, images }: ChatDone) {
      for (const [key, stage] of STAGES) stages.observe({ stage }, timings[key] / 1000)
      tokens.inc({ kind: 'prompt' }, usage.prompt_tokens)
      tokens.inc({ kind: 'image' }, usage.image_tokens)
      tokens.inc({ kind: 'cached' }, usage.cached_tokens)
      tokens.inc({ kind: 'completion' }, usage.completion_tokens)
      for (const { cached } of images) imageCounter.inc({ cached: String(cached) })
    }
  }
}
