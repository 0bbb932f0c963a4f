import type { FastifyPluginAsync } from 'fastify'
import { ErrorSchema } from '../schemas/chat.ts'
import { StatusSchema, type PlanStatus } from '../schemas/status.ts'
import { DEMO_NOTICE } from '../services/engine/demo-notice.ts'
import type { MemoryPlan } from '../services/engine/engine.ts'
import type { UploadStore } from '../services/upload-store.ts'
import { faultDocs } from './error-docs.ts'

export interface StatusRouteOptions {
  store: UploadStore
  limits: {
    max_images: number
    max_file_size_mb: number
    max_input_pixels: number
    max_avif_pixels: number
    max_heic_pixels: number
    max_side: number
    max_pixels: number
    max_thinking_tokens: number
    default_thinking_tokens: number
  }
}

/** `GET /api/status`: the state of slots, queue, model, caches and memory. */
const route: FastifyPluginAsync<StatusRouteOptions> = async (app, { store, limits }) => {
  app.get('/api/status', {
    schema: {
      operationId: 'status',
      summary: 'State of the service',
      tags: ['service'],
      response: { 200: StatusSchema, ...faultDocs([401], ErrorSchema) }
    }
  }, async () => {
    const engine = app.model.info()
    const slots = app.slots.stats()
    return {
      status: engine.state,
      reason: engine.reason.en,
      ...engine.demo && { notice: DEMO_NOTICE },
      model: {
        name: engine.model,
        architecture: engine.architecture,
        demo: engine.demo,
        device: engine.device,
        context_size: engine.contextSize,
        vision: engine.vision && {
          multiple: engine.vision.multiple, min_tokens: engine.vision.minTokens, max_tokens: engine.vision.maxTokens
        },
        tools: engine.tools !== null,
        thinking: engine.thinking,
        restarts: engine.restarts
      },
      plan: engine.plan && toPlanStatus(engine.plan),
      slots: { total: slots.size, taken: slots.taken, free: slots.free },
      queue: { length: slots.queued, size: slots.queueSize },
      requests: { served: slots.served, rejected: slots.rejected, timed_out: slots.timedOut },
      caches: {
        images: engine.caches.images,
        image_bytes: engine.caches.imageBytes,
        image_bytes_limit: engine.caches.imageBytesLimit
      },
      memory: { service_bytes: process.memoryUsage.rss(), model_bytes: engine.memory },
      uploads: { folders: store.count() },
      limits,
      uptime_s: Math.round(process.uptime())
    }
  })
}

function toPlanStatus (plan: MemoryPlan): PlanStatus {
  return {
    memory: plan.memory,
    auto: plan.auto,
    fits: plan.fits,
    slots: plan.slots,
    slots_that_fit: plan.slotsThatFit,
    context_size: plan.contextSize,
    total_bytes: plan.total,
    free_bytes: plan.free,
    reserve_bytes: plan.reserve,
    needed_bytes: plan.needed,
    weights_bytes: plan.weights,
    projector_bytes: plan.projector,
    encoding_bytes: plan.encoding,
    compute_bytes: plan.compute,
    slot_bytes: plan.slot,
    checkpoint_bytes: plan.checkpoints,
    image_cache_bytes: plan.imageCache
  }
}

export default route
