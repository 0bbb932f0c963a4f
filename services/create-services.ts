import type { Config } from '../config/config.ts'
import { createChatService, type ChatService } from './chat/answer.ts'
import { createGrammars, type Grammars } from './chat/grammars.ts'
import type { ChatObserver } from './chat/observer.ts'
import type { Engine } from './engine/engine.ts'
import { createPreparer } from './images/preparer.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { createSlots, type Slots } from './slots.ts'
import type { Traces } from './tracing/traces.ts'
import { createUploadStore, type UploadStore } from './upload-store.ts'

/** The services behind plugins and routes. */
export interface Services {
  slots: Slots
  store: UploadStore
  metrics: Metrics
  /** The caller of `createServices` closes it. */
  grammars: Grammars
  chat: ChatService
}

/** Creates the services that share one engine. */
export function createServices (config: Config, engine: Engine, traces: Traces | null): Services {
  const store = createUploadStore({
    dir: config.uploadDir, foreignAgeMs: 2 * (config.requestTimeoutMs + config.uploadTimeoutMs)
  })
  const slots = createSlots({
    size: config.maxConcurrentRequests === 'auto' ? 1 : config.maxConcurrentRequests,
    queueSize: config.queueSize,
    queueTimeoutMs: config.queueTimeoutMs
  })
  if (config.maxConcurrentRequests === 'auto') growWithModel(slots, engine)
  const metrics = createMetrics({ engine, slots, store })
  const grammars = createGrammars()
  const chat = createChatService({
    engine,
    preparer: createPreparer(),
    grammars,
    maxImages: config.maxImages,
    limits: {
      maxInputPixels: config.maxInputPixels, maxSide: config.imageCompressionMaxSize, maxPixels: config.maxPixels
    },
    thinking: {
      usual: config.thinking, maxTokens: config.maxThinkingTokens, effortTokens: config.reasoningEffortTokens
    },
    boxCoordinates: config.boxCoordinates,
    observer: traces ? observeBoth(metrics, traces) : metrics
  })
  return { slots, store, metrics, grammars, chat }
}

/**
 * The memory plan of the loaded model determines the number of slots. `server.ts` also awaits `ready` and handles its
 * failure.
 */
function growWithModel (slots: Slots, engine: Engine): void {
  engine.ready().then(() => slots.grow(engine.info().slots), () => {})
}

function observeBoth (metrics: Metrics, traces: Traces): ChatObserver {
  return {
    onGap: metrics.onGap,
    onAnswer (done) {
      metrics.onAnswer(done)
      traces.onAnswer(done)
    },
    onStage: traces.onStage
  }
}
