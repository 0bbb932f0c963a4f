import { Type, type Static } from 'typebox'

const count = (description: string) => Type.Integer({ description })
const bytes = (description: string) => Type.Number({ description })

const PlanSchema = Type.Object({
  memory: Type.String({ description: 'vram or ram: the memory that contains the layers' }),
  auto: Type.Boolean({ description: 'True with MAX_CONCURRENT_REQUESTS=auto: the plan chose the slots' }),
  fits: Type.Boolean({ description: 'False if slots have fewer tokens, or some layers run on the CPU' }),
  slots: count('Planned slots'),
  slots_that_fit: count('Maximum number of slots that fit the memory'),
  context_size: count('Planned tokens of one slot'),
  total_bytes: bytes('Size of the memory'),
  free_bytes: bytes('Free memory before anything was loaded'),
  reserve_bytes: bytes('Part of the free memory that stays free'),
  needed_bytes: bytes('Sum of everything that must fit'),
  weights_bytes: bytes('Weights of the model'),
  projector_bytes: bytes('Weights of the projector'),
  encoding_bytes: bytes('Working memory for the largest image'),
  compute_bytes: bytes('Working memory of the model'),
  slot_bytes: bytes('KV cache of one slot, and its recurrent state if the model has one'),
  checkpoint_bytes: bytes('Checkpoints of the recurrent state of one slot, always in RAM; 0 for other models'),
  image_cache_bytes: bytes('IMAGE_CACHE_MB, always in RAM')
}, { description: 'The memory plan' })
export type PlanStatus = Static<typeof PlanSchema>

const VisionSchema = Type.Object({
  multiple: count('Pixels; sides of prepared images are multiples of this'),
  min_tokens: count('Minimum tokens of one image'),
  max_tokens: count('Maximum tokens of one image')
})

export const StatusSchema = Type.Object({
  status: Type.String({ description: 'State of the model: starting, ready, restarting, failed or closed' }),
  reason: Type.String({ description: 'Why the model is not ready' }),
  notice: Type.Optional(Type.String({ description: 'Present with the embedded demonstration model' })),
  model: Type.Object({
    name: Type.String({ description: 'Display name; empty until the model is loaded' }),
    architecture: Type.String({ description: 'Architecture in the GGUF file of the model' }),
    demo: Type.Boolean({ description: 'True for the embedded demonstration model' }),
    device: Type.String({
      description: 'cpu, cuda, vulkan or metal; upstream: other servers run the model (ENGINE=openai)'
    }),
    context_size: count('Tokens (KV cells) of one slot'),
    vision: Type.Union([VisionSchema, Type.Null()]),
    tools: Type.Boolean({ description: 'True if the chat template supports tools' }),
    thinking: Type.Union([Type.Literal('never'), Type.Literal('optional'), Type.Literal('always')], {
      description: 'Whether the model thinks before it answers. With ENGINE=openai always `optional`'
    }),
    restarts: count('Number of restarts of the model process')
  }),
  plan: Type.Union([PlanSchema, Type.Null()], { description: 'Null until the model is loaded' }),
  slots: Type.Object({
    total: count('MAX_CONCURRENT_REQUESTS; with auto 1 until the model is loaded'),
    taken: count('Running requests'),
    free: count('Requests that would be admitted at once')
  }),
  queue: Type.Object({ length: count('Waiting requests'), size: count('QUEUE_SIZE') }),
  requests: Type.Object({
    served: count('Admitted requests since the start'),
    rejected: count('Requests that got 429 SERVER_BUSY'),
    timed_out: count('Requests that waited too long in the queue')
  }),
  caches: Type.Object({
    images: count('Images whose embedding is cached (with ENGINE=openai: whose pixels are cached)'),
    image_bytes: count('Memory of the cached images, in bytes'),
    image_bytes_limit: count('IMAGE_CACHE_MB, in bytes')
  }),
  memory: Type.Object({
    service_bytes: count('Resident memory of this process'), model_bytes: count('Resident memory of the model process')
  }),
  uploads: Type.Object({ folders: count('Requests that have temporary files') }),
  limits: Type.Record(Type.String(), Type.Number(), {
    description: 'Limits of one request: number of images, megabytes of a file, pixels of an original (of an AVIF, ' +
      'of a HEIC), pixels of a side and of the area of a prepared image, tokens of thoughts, and tokens of thoughts ' +
      'of a request that does not ask for them'
  }),
  uptime_s: Type.Number({ description: 'Seconds since the start' })
}, { title: 'Status' })
