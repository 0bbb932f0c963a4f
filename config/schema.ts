import { Type, type Static } from 'typebox'
import { TRACES_SAMPLERS } from './values.ts'

/** The most that MAX_PIXELS may be. */
export const MAX_PIXELS_LIMIT = 16_777_216

/** What the documents say of a setting beside its description, default and bounds. */
export interface About {
  /** Of its number. */
  unit?: string
  /** What a text has to be. */
  form?: string
  /** What it means when there is none. */
  empty?: string
  /** Of docs/operations.md, the heading that says more. */
  section?: string
}

const text = (fallback: string, description: string, about?: About) =>
  Type.String({ default: fallback, description, ...about })
const integer = (fallback: number | undefined, minimum: number, maximum: number, description?: string, about?: About) =>
  Type.Integer({ default: fallback, minimum, maximum, description, ...about })
const number = (fallback: number, minimum: number, maximum: number, description: string, about: About) =>
  Type.Number({ default: fallback, minimum, maximum, description, ...about })
const choice = <const T extends string[]> (fallback: T[number], values: T, description: string, about?: About) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: values, default: fallback, description, ...about })

/**
 * Every variable of the environment that the service reads, with default (none: empty), bounds and meaning. An empty one counts as unset. The descriptions
 * are sentences, with settings and their values between backticks: `npm run docs:configuration` writes them into docs/operations.md and .env.example.
 */
export const EnvironmentSchema = Type.Object({
  HOST: text(
    '127.0.0.1', 'Address to listen on. `0.0.0.0` stands for all, as a container needs it; `localhost` means 127.0.0.1.'
  ),
  PORT: integer(5000, 0, 65_535, 'Port to listen on. `0` takes any that is free.'),

  ENGINE: choice('local', [
    'local', 'openai'
  ], 'Where answers are made. `local`: by a model in this service. `openai`: by servers that speak OpenAI\'s dialect (vLLM, SGLang, llama-server, another Sightline); `MODEL` to `LLAMA_THREADS` are then without effect.',
  { section: 'Using other servers' }),
  ENGINE_URL: text('', 'With `ENGINE=openai`: where the interface of those servers is, such as `http://gpu-1:8000/v1,http://gpu-2:8000/v1`; `/v1` is added to a host alone. All of them serve the same model.',
    { form: 'http(s) URLs, with commas', empty: 'none', section: 'Using other servers' }),
  ENGINE_API_KEY: text(
    '', 'With `ENGINE=openai`: key that those servers want.', { form: 'printable ASCII', empty: 'none' }
  ),
  ENGINE_MODEL: text(
    '', 'With `ENGINE=openai`: name of the model there.', { empty: 'the first that each of them lists' }
  ),
  ENGINE_IMAGE_MULTIPLE: integer(28, 0, 128, 'With `ENGINE=openai`: sides of a picture are multiples of this. `28` for Qwen2-VL and Qwen2.5-VL, `32` for Qwen3-VL (which also points in thousandths), `0` for a model that cannot see.',
    { unit: 'pixels', section: 'Using other servers' }),

  MODEL: text('', 'The model. Presets are `qwen3-vl-4b`, `qwen2.5-vl-7b` …: `npm run models -- list` shows all, with the memory that they take.',
    {
      form: 'a preset, a path, `hf:owner/repo:quant` or a URL',
      empty: 'the embedded demonstration model',
      section: 'Choosing a model'
    }),
  MMPROJ: text('', 'The projector that belongs to `MODEL`: without one a model cannot see.',
    {
      form: 'a path, `hf:` or a URL',
      empty: 'the preset\'s, the one beside the model, or that of its repository',
      section: 'Choosing a model'
    }),
  MODELS_DIR: text(
    'models', 'Where downloaded models go, and where a relative `MODEL` and `MMPROJ` are looked for as well.'
  ),
  LLAMA_GPU: choice(
    'auto', ['auto', 'cuda', 'vulkan', 'metal', 'off'], 'Where the model\'s layers run. `off`: on CPUs.'
  ),
  LLAMA_THREADS: integer(undefined, 0, 512, 'CPU threads of the model. Never more than the cores that it may use.',
    { empty: 'all cores, as with `0`', section: 'CPU threads' }),
  CONTEXT_SIZE: integer(8192, 512, 1_048_576, 'What one slot holds: pictures, conversation and answer. Lowered to what the model itself can. With `ENGINE=openai`: what those servers give one request.',
    { unit: 'tokens', section: 'Memory and slots' }),

  MAX_CONCURRENT_REQUESTS: Type.Union([Type.Literal('auto'), integer(undefined, 1, 64)], {
    default: 3,
    section: 'Memory and slots',
    description: 'Slots: requests that are worked on at the same time; the next one gets 429. `auto`: as many as the memory holds and as stay quick, about 5 on a card of 16 GB and 8 on 32 GB.'
  }),
  QUEUE_SIZE: integer(
    0, 0, 10_000, 'Requests that may wait for a slot instead of getting 429.',
    { unit: 'requests', section: '429 or a queue' }
  ),
  QUEUE_TIMEOUT: number(
    30, 0.01, 3600, 'How long a request may wait in the queue; then 503.',
    { unit: 'seconds', section: '429 or a queue' }
  ),
  REQUEST_TIMEOUT: number(
    300, 0.01, 86_400, 'From the slot to the last byte of the answer; then 504.', { unit: 'seconds' }
  ),
  UPLOAD_TIMEOUT: number(60, 0.01, 3600, 'From the slot to the end of the upload; then 408.', { unit: 'seconds' }),
  HEADERS_TIMEOUT: number(
    20, 0.01, 300, 'How long a client may take to send the head of a request; then 408.', { unit: 'seconds' }
  ),
  STALL_TIMEOUT: number(60, 0.01, 3600, 'How long a client may take nothing of its answer; then its connection is cut and its slot is free.',
    { unit: 'seconds' }),
  SHUTDOWN_GRACE: number(
    30, 0, 3600, 'What running requests get to finish when the service stops.', { unit: 'seconds', section: 'Stopping' }
  ),
  MAX_CONNECTIONS: integer(2000, 1, 1_000_000, 'Connections that may be open at the same time. Keep it some hundreds below the limit of open files.',
    { unit: 'connections' }),

  IMAGE_COMPRESSION_MAX_SIZE: integer(1024, 56, 16_384, 'Longest side of a picture as the model sees it; larger ones are shrunk. `2048` also wants `MAX_PIXELS=4194304`, which bounds square pictures first.',
    { unit: 'pixels', section: 'Limits on images' }),
  MAX_PIXELS: integer(1_003_520, 3136, MAX_PIXELS_LIMIT, 'Largest area of a picture as the model sees it.',
    { unit: 'pixels', section: 'Limits on images' }),
  IMAGE_MIN_TOKENS: integer(undefined, 0, 16_384, 'Fewest tokens that a picture is given.',
    { unit: 'tokens', empty: 'the projector\'s own, as with `0`' }),
  IMAGE_MAX_TOKENS: integer(undefined, 0, 16_384, 'Most tokens that a picture is given.',
    { unit: 'tokens', empty: 'the projector\'s own, as with `0`' }),
  MAX_IMAGES: integer(8, 1, 64, 'Pictures in one request.', { unit: 'pictures' }),
  MAX_FILE_SIZE_MB: number(20, 0.001, 2048, 'Size of one picture\'s file; beyond it 413.', { unit: 'megabytes' }),
  JSON_BODY_LIMIT_MB: number(16, 0.001, 512, 'Size of a JSON body, pictures as data URIs included; beyond it 413. Larger pictures go as a form.',
    { unit: 'megabytes' }),
  MAX_INPUT_PIXELS: integer(100_000_000, 3136, 1_000_000_000, 'Area that a picture may claim in its header (an AVIF: half of it); a larger one is refused before it is decoded.',
    { unit: 'pixels', section: 'Limits on images' }),
  UPLOAD_DIR: text('uploads', 'Files of running requests. It is empty when none runs; what a crash left is swept at the next start.',
    { section: 'Temporary files' }),
  IMAGE_CACHE_MB: integer(512, 0, 1_048_576, 'Memory for the embeddings of pictures, so that one that is asked about again is not encoded again. With `ENGINE=openai`: for the prepared pictures. At most 90 % of the memory of the machine or container.',
    { unit: 'megabytes', section: 'Memory and slots' }),
  BOX_COORDINATES: choice(
    'auto', ['auto', 'pixels', 'grid1000'],
    'What the model\'s numbers mean when it points: pixels of the picture as it sees it, or a grid of 0 to 1000. `auto`: what its family does (Qwen2.5-VL: pixels, Qwen3-VL: grid1000). Qwen2-VL wants `grid1000` here.'
  ),

  IMAGE_URL_HOSTS: text('', 'Hosts from which `/v1` may fetch pictures by URL, such as `images.example.com,*.example.com`. Private and local addresses are never asked.',
    { form: 'host names, with commas', empty: 'none', section: 'Access control' }),
  API_KEYS: text('', 'Keys, one of which a client must send (`Authorization: Bearer`, or `X-API-Key`).',
    {
      form: '16 to 200 printable ASCII characters each, with commas',
      empty: 'everybody who reaches the port may ask',
      section: 'Access control'
    }),
  RATE_LIMIT_KEY: integer(
    0, 0, 1_000_000, 'Requests for the model of one key. `0`: no limit.', { unit: 'requests a minute' }
  ),
  RATE_LIMIT_ADDRESS: integer(0, 0, 1_000_000, 'Requests for the model from one client address. `0`: no limit. Behind a proxy set `TRUST_PROXY`, too.',
    { unit: 'requests a minute' }),
  CORS_ORIGIN: text('', 'Web origins whose pages may call the API, such as `https://chat.example.com`.',
    { form: 'origins with commas, or `*`', empty: 'none but its own page' }),
  TRUST_PROXY: text('', 'Proxies whose `X-Forwarded-*` headers are believed, such as `172.18.0.0/16`. What would believe everybody is refused, since any client could forge its address.',
    {
      form: 'addresses, CIDRs, `loopback`, `linklocal`, `uniquelocal`, with commas',
      empty: 'none',
      section: 'Access control'
    }),
  OTEL_EXPORTER_OTLP_ENDPOINT: text(
    '', 'Base of the collector that gets traces, such as `http://localhost:4318`.',
    { form: 'an http(s) URL', empty: 'no traces', section: 'Traces' }
  ),
  OTEL_EXPORTER_OTLP_HEADERS: text(
    '', 'Headers that the collector wants beside.',
    { form: '`name=value` with commas, values percent-encoded', empty: 'none' }
  ),
  OTEL_SERVICE_NAME: text('sightline', 'Name of this service in traces.'),
  OTEL_TRACES_SAMPLER: choice(
    'parentbased_always_on', [...TRACES_SAMPLERS],
    'Which traces are recorded. With `parentbased_` a proxy of `TRUST_PROXY` may decide for its requests.',
    { section: 'Traces' }
  ),
  OTEL_TRACES_SAMPLER_ARG: number(1, 0, 1, 'The share of traces that `traceidratio` records.', {}),
  LOG_LEVEL: choice(
    'info', ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], 'The least that is logged.',
    { section: 'Log' }
  )
})

/** The variables in their natural types. */
export type Environment = Static<typeof EnvironmentSchema>
