import type { FastifyPluginAsync } from 'fastify'
import { Type, type Static } from 'typebox'
import { ErrorSchema } from '../schemas/chat.ts'
import { DEMO_NOTICE } from '../services/engine/demo-notice.ts'
import type { MemoryPlan } from '../services/engine/engine.ts'
import type { UploadStore } from '../services/upload-store.ts'
import { faultDocs } from './docs.ts'

export interface StatusRouteOptions {
  store: UploadStore
  limits: {
    max_images: number
    max_file_size_mb: number
    max_input_pixels: number
    max_avif_pixels: number
    max_side: number
    max_pixels: number
  }
}

const count = (description: string) => Type.Integer({ description })
const bytes = (description: string) => Type.Number({ description })
const PlanSchema = Type.Object({
  memory: Type.String({ description: 'vram or ram: where the layers lie' }),
  auto: Type.Boolean({ description: 'MAX_CONCURRENT_REQUESTS=auto: the plan chose the slots' }),
  fits: Type.Boolean({ description: 'Otherwise slots have fewer tokens, or layers run on the CPU' }),
  slots: count('As planned'),
  slots_that_fit: count('As many would the memory hold'),
  context_size: count('Tokens of one slot, as planned'),
  total_bytes: bytes('All of that memory'),
  free_bytes: bytes('What was free before anything was loaded'),
  reserve_bytes: bytes('Of which this is kept free'),
  needed_bytes: bytes('All that is planned'),
  weights_bytes: bytes('The model'),
  projector_bytes: bytes('The projector'),
  encoding_bytes: bytes('Working memory for the largest picture'),
  compute_bytes: bytes('Working memory of the model'),
  slot_bytes: bytes('One slot'),
  image_cache_bytes: bytes('IMAGE_CACHE_MB, always in RAM')
}, { description: 'How the memory is shared out' })

const StatusSchema = Type.Object({
  status: Type.String({ description: 'State of the model: starting, ready, restarting, failed or closed' }),
  reason: Type.String({ description: 'Why it is not ready' }),
  notice: Type.Optional(Type.String({ description: 'Present while the embedded demonstration model runs' })),
  model: Type.Object({
    name: Type.String({ description: 'For people; empty until the model is loaded' }),
    architecture: Type.String({ description: 'As its GGUF file names it' }),
    demo: Type.Boolean({ description: 'It is the embedded demonstration model' }),
    device: Type.String({
      description: 'cpu, cuda, vulkan or metal; upstream: another server computes (ENGINE=openai)'
    }),
    context_size: count('Tokens (KV cells) of one slot'),
    vision: Type.Union([
      Type.Object({
        multiple: count('Pixels; sides of prepared pictures are multiples of this'),
        min_tokens: count('Of one picture'),
        max_tokens: count('Of one picture')
      }),
      Type.Null()
    ]),
    tools: Type.Boolean({ description: 'Its chat template knows tools' }),
    restarts: count('How often the model process was restarted')
  }),
  plan: Type.Union([PlanSchema, Type.Null()], { description: 'Null until the model is loaded' }),
  slots: Type.Object({
    total: count('MAX_CONCURRENT_REQUESTS; with auto 1 until the model is loaded'),
    taken: count('Requests that are worked on'),
    free: count('Requests that would be admitted at once')
  }),
  queue: Type.Object({ length: count('Requests that wait'), size: count('QUEUE_SIZE') }),
  requests: Type.Object({
    served: count('Slots given since the start'),
    rejected: count('429'),
    timed_out: count('Waited too long in the queue')
  }),
  caches: Type.Object({
    images: count('Pictures whose embedding (with ENGINE=openai: whose pixels) is kept'),
    image_bytes: count('Their memory'),
    image_bytes_limit: count('IMAGE_CACHE_MB, in bytes')
  }),
  memory: Type.Object({
    service_bytes: count('Resident memory of this process'), model_bytes: count('Resident memory of the model process')
  }),
  uploads: Type.Object({ folders: count('Requests that have temporary files') }),
  limits: Type.Record(
    Type.String(), Type.Number(),
    {
      description: 'What one request may send: pictures, megabytes of a file, pixels of an original and of one in AVIF, pixels of a side and of the area of a prepared picture'
    }
  ),
  uptime_s: Type.Number({ description: 'Seconds since the start' })
}, { title: 'Status' })

/** `GET /api/status`: slots, queue, model, caches and memory, for people and pages. */
const route: FastifyPluginAsync<StatusRouteOptions> = async (app, { store, limits }) => {
  app.get('/api/status', {
    schema: {
      operationId: 'status',
      summary: 'What the service is doing',
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
        restarts: engine.restarts
      },
      plan: engine.plan && tellPlan(engine.plan),
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

function tellPlan (plan: MemoryPlan): Static<typeof PlanSchema> {
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
    image_cache_bytes: plan.imageCache
  }
}

export default route
