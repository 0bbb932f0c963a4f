import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { ChatDone } from '../schemas/chat.ts'
import type { ChatObserver } from './chat/observer.ts'
import type { Engine } from './engine/engine.ts'
import { decoders } from './images/decoder/decoders.ts'
import type { Slots } from './slots.ts'
import type { UploadStore } from './upload-store.ts'

export interface MetricsOptions { engine: Engine, slots: Slots, store: UploadStore }

/** Metrics for Prometheus. Labels are bounded: routes, error codes and stages, never values that a client sent. */
export interface Metrics extends ChatObserver {
  readonly contentType: string
  /** Returns the current values in the text format of Prometheus. */
  text (): Promise<string>
  /**
   * Counts a request to the model that has ended, admitted or not.
   * @param ending `ANSWERED`, or the code of an error
   */
  ended (route: string, ending: string): void
}

export const ANSWERED = 'ANSWERED'
/** The error code of requests whose client has left. */
export const CLIENT_LEFT = 'CLIENT_LEFT'

/** Buckets in seconds. They range from a cached image to a long answer on a CPU. */
const STAGE_BUCKETS = [0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]
const GAP_BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5]
/** The names of stages in `timings` of an answer and in labels. */
const STAGES = [
  ['queue_ms', 'queue'], ['upload_ms', 'upload'], ['prepare_ms', 'prepare'], ['encode_ms', 'encode'],
  ['prefill_ms', 'prefill'], ['thinking_ms', 'think'], ['decode_ms', 'decode'], ['ttft_ms', 'first_token'],
  ['total_ms', 'total']
] as const

/** Each service has a separate registry, so that several services in one process do not share metrics. */
export function createMetrics ({ engine, slots, store }: MetricsOptions): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })

  /** Counts by route and ending. Plain maps keep refusals cheap for a busy service. */
  const endings = new Map<string, Map<string, number>>()
  registry.registerMetric(new Counter({
    name: 'sightline_requests_total',
    help: 'Requests to the model that have ended, by ANSWERED or an error code',
    labelNames: ['route', 'ending'],
    registers: [],
    collect () {
      this.reset()
      for (const [route, counts] of endings) for (const [ending, count] of counts) this.inc({ route, ending }, count)
    }
  }))
  const stages = new Histogram({
    name: 'sightline_stage_seconds',
    help: 'Time of answered requests per stage; first_token and total are measured from the request',
    labelNames: ['stage'],
    buckets: STAGE_BUCKETS,
    registers
  })
  const gaps = new Histogram({
    name: 'sightline_token_gap_seconds',
    help: 'Time between consecutive tokens of an answer',
    buckets: GAP_BUCKETS,
    registers
  })
  const tokens = new Counter({
    name: 'sightline_tokens_total',
    help: 'Tokens of answered requests: prompt (which includes image and cached), thinking and completion',
    labelNames: ['kind'],
    registers
  })
  const imageCounter = new Counter({
    name: 'sightline_pictures_total',
    help: 'Images of answered requests, by format and by whether their embedding was cached',
    labelNames: ['cached', 'format'],
    registers
  })

  registry.registerMetric(new Counter({
    name: 'sightline_decoder_threads_ended_total',
    help: 'Threads of decoders that were ended, by the reason',
    labelNames: ['reason'],
    registers: [],
    collect () {
      this.reset()
      for (const [reason, count] of Object.entries(decoders.ended())) this.inc({ reason }, count)
    }
  }))

  /** Creates a gauge whose value is read when metrics are collected. */
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({ name, help, registers, collect () { this.set(read()) } })
  gauge('sightline_slots', 'All slots', () => slots.stats().size)
  gauge('sightline_slots_taken', 'Slots taken by requests', () => slots.stats().taken)
  gauge('sightline_queue_length', 'Requests waiting for a slot', () => slots.stats().queued)
  gauge('sightline_upload_folders', 'Requests with temporary files', () => store.count())
  gauge('sightline_engine_ready', '1 if the model is ready, otherwise 0', () => engine.info().state === 'ready' ? 1 : 0)
  gauge('sightline_engine_restarts', 'Restarts of the model process', () => engine.info().restarts)
  gauge('sightline_engine_resident_bytes', 'Resident memory of the model process', () => engine.info().memory)
  gauge('sightline_image_cache_pictures', 'Images whose embedding is cached', () => engine.info().caches.images)
  gauge('sightline_image_cache_bytes', 'Memory of the cached embeddings', () => engine.info().caches.imageBytes)
  gauge('sightline_image_cache_limit_bytes', 'Limit of the image cache (IMAGE_CACHE_MB)', () =>
    engine.info().caches.imageBytesLimit)
  gauge('sightline_vram_used_bytes', 'Used memory of the GPU, by all processes; 0 without a GPU', () =>
    engine.info().vram.used)
  gauge('sightline_vram_bytes', 'Memory of the GPU; 0 without a GPU', () => engine.info().vram.total)

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
      for (const [key, stage] of STAGES) {
        // Most answers have no thoughts, and their zeros would hide the time of the others.
        if (stage !== 'think' || usage.thinking_tokens > 0) stages.observe({ stage }, timings[key] / 1000)
      }
      tokens.inc({ kind: 'prompt' }, usage.prompt_tokens)
      tokens.inc({ kind: 'image' }, usage.image_tokens)
      tokens.inc({ kind: 'cached' }, usage.cached_tokens)
      tokens.inc({ kind: 'thinking' }, usage.thinking_tokens)
      tokens.inc({ kind: 'completion' }, usage.completion_tokens)
      for (const { cached, format } of images) imageCounter.inc({ cached: String(cached), format })
    }
  }
}
