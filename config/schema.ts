import { Type, type Static } from 'typebox'
import { TRACES_SAMPLERS } from './values.ts'

/** The upper bound of MAX_PIXELS. */
export const MAX_PIXELS_LIMIT = 16_777_216

/** The documentation of a setting, in addition to its description, default and bounds. */
export interface About {
  /** The unit of a number. */
  unit?: string
  /** The form of a text. */
  form?: string
  /** The meaning of an empty value. */
  empty?: string
  /** The heading of the section in docs/operations.md that explains more. */
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
 * Every environment variable that the service reads, with its default, bounds and description. An empty variable counts
 * as unset. Descriptions are sentences, with settings and values in backticks: `npm run docs:configuration` writes them
 * to docs/operations.md and .env.example.
 */
export const EnvironmentSchema = Type.Object({
  HOST: text(
    '127.0.0.1', 'Address to listen on. `0.0.0.0` means all, which containers need. `localhost` means 127.0.0.1.'
  ),
  PORT: integer(5000, 0, 65_535, 'Port to listen on. `0` takes any free port.'),

  ENGINE: choice(
    'local', ['local', 'openai'],
    'The engine that computes answers. `local`: a model in this service. `openai`: servers with an OpenAI-compatible ' +
    'API (vLLM, SGLang, llama-server, another Sightline); `MODEL` to `LLAMA_THREADS` are then ignored.',
    { section: 'Using other servers' }
  ),
  ENGINE_URL: text(
    '',
    'With `ENGINE=openai`: base URLs of the servers, such as `http://gpu-1:8000/v1,http://gpu-2:8000/v1`. `/v1` is ' +
    'added to a URL without a path. All servers must serve the same model.',
    { form: 'http(s) URLs separated by commas', empty: 'none', section: 'Using other servers' }
  ),
  ENGINE_API_KEY: text(
    '', 'With `ENGINE=openai`: API key for the servers.', { form: 'printable ASCII', empty: 'none' }
  ),
  ENGINE_MODEL: text(
    '', 'With `ENGINE=openai`: name of the model on the servers.', { empty: 'the first model that each server lists' }
  ),
  ENGINE_IMAGE_MULTIPLE: integer(
    28, 0, 128,
    'With `ENGINE=openai`: sides of prepared images are multiples of this. `28` is for Qwen2-VL and Qwen2.5-VL, ' +
    '`32` for Qwen3-VL (whose coordinates are thousandths), `0` for a model without vision.',
    { unit: 'pixels', section: 'Using other servers' }
  ),

  MODEL: text(
    '',
    'The model. `npm run models -- list` shows the presets (`qwen3.5-4b`, `qwen3.8-27b` …) and the memory that ' +
    'each needs.',
    {
      form: 'a preset, a path, `hf:owner/repo:quant` or a URL',
      empty: 'the embedded demonstration model',
      section: 'Choosing a model'
    }
  ),
  MMPROJ: text('', 'The projector that belongs to `MODEL`. Without a projector a model cannot process images.', {
    form: 'a path, `hf:` or a URL',
    empty: 'the projector of the preset, of the folder of the model, or of its repository',
    section: 'Choosing a model'
  }),
  MODELS_DIR: text(
    'models', 'Folder for downloaded models. A relative `MODEL` or `MMPROJ` is also searched here.'
  ),
  LLAMA_GPU: choice(
    'auto', ['auto', 'cuda', 'vulkan', 'metal', 'off'], 'Backend that runs the layers of the model. `off`: the CPU.'
  ),
  LLAMA_FLASH_ATTENTION: choice(
    'auto', ['auto', 'on', 'off'],
    '`auto`: on GPUs only. `on` makes prompts faster on CPUs, but answers then depend on how much of their prompt ' +
    'was reused.',
    { section: 'CPU threads' }
  ),
  LLAMA_THREADS: integer(undefined, 0, 512, 'CPU threads of the model, at most the number of available cores.', {
    empty: 'all cores, like `0`', section: 'CPU threads'
  }),
  CONTEXT_SIZE: integer(
    8192, 512, 1_048_576,
    'Tokens of one request: images, conversation and answer. The maximum of the model may lower it. With ' +
    '`ENGINE=openai`: the limit of the servers for one request.',
    { unit: 'tokens', section: 'Memory and slots' }
  ),

  THINKING: Type.Union([Type.Literal('off'), Type.Literal('on'), integer(undefined, 1, 131_072)], {
    default: 'off',
    section: 'Thinking',
    description: 'Whether the model thinks before it answers, for requests that do not say it: `off`, `on`, or the ' +
      'maximum number of tokens of its thoughts. No effect on a model that cannot think.'
  }),
  MAX_THINKING_TOKENS: integer(
    4096, 0, 131_072,
    'Maximum tokens of the thoughts of one answer. At the limit the thoughts are ended, and the model answers. `0` ' +
    'forbids thoughts.',
    { unit: 'tokens', section: 'Thinking' }
  ),
  REASONING_EFFORT_TOKENS: text(
    'minimal=256,low=1024,medium=2048,high=4096,xhigh=8192',
    'Maximum tokens of thoughts for each `reasoning_effort` of `/v1`. `MAX_THINKING_TOKENS` limits them. An effort ' +
    'that is left out keeps its default.',
    { form: '`effort=tokens` separated by commas', section: 'Thinking' }
  ),

  MAX_CONCURRENT_REQUESTS: Type.Union([Type.Literal('auto'), integer(undefined, 1, 64)], {
    default: 3,
    section: 'Memory and slots',
    description: 'Slots: requests that are processed at the same time. Further requests get 429. `auto`: as many as ' +
      'fit the memory and stay fast, about 5 on a GPU with 16 GB and 8 on one with 32 GB.'
  }),
  QUEUE_SIZE: integer(0, 0, 10_000, 'Requests that may wait for a slot instead of getting 429.', {
    unit: 'requests', section: '429 or a queue'
  }),
  QUEUE_TIMEOUT: number(30, 0.01, 3600, 'Longest wait in the queue. Afterwards the request gets 503.', {
    unit: 'seconds', section: '429 or a queue'
  }),
  REQUEST_TIMEOUT: number(
    300, 0.01, 86_400, 'Longest time from the slot to the last byte of the answer. Afterwards the request gets 504.',
    { unit: 'seconds' }
  ),
  UPLOAD_TIMEOUT: number(
    60, 0.01, 3600, 'Longest time from the slot to the end of the upload. Afterwards the request gets 408.',
    { unit: 'seconds' }
  ),
  HEADERS_TIMEOUT: number(
    20, 0.01, 300, 'Longest time for sending the headers of a request. Afterwards the request gets 408.',
    { unit: 'seconds' }
  ),
  STALL_TIMEOUT: number(
    60, 0.01, 3600,
    'Longest time for which a client may stop reading its answer. Afterwards the connection is closed and the slot ' +
    'is released.',
    { unit: 'seconds' }
  ),
  SHUTDOWN_GRACE: number(30, 0, 3600, 'Time that running requests have to finish when the service stops.', {
    unit: 'seconds', section: 'Stopping'
  }),
  MAX_CONNECTIONS: integer(
    2000, 1, 1_000_000,
    'Connections that may be open at the same time. Keep it some hundreds below the limit of open files.',
    { unit: 'connections' }
  ),

  IMAGE_COMPRESSION_MAX_SIZE: integer(
    1024, 56, 16_384,
    'Longest side of an image as the model sees it. Larger images are scaled down. For `2048`, also set ' +
    '`MAX_PIXELS=4194304`; otherwise the default of `MAX_PIXELS` limits most images first.',
    { unit: 'pixels', section: 'Limits on images' }
  ),
  MAX_PIXELS: integer(1_003_520, 3136, MAX_PIXELS_LIMIT, 'Largest area of an image as the model sees it.', {
    unit: 'pixels', section: 'Limits on images'
  }),
  IMAGE_MIN_TOKENS: integer(undefined, 0, 16_384, 'Minimum tokens of an image.', {
    unit: 'tokens', empty: 'the value of the projector, like `0`'
  }),
  IMAGE_MAX_TOKENS: integer(undefined, 0, 16_384, 'Maximum tokens of an image.', {
    unit: 'tokens', empty: 'the value of the projector, like `0`'
  }),
  MAX_IMAGES: integer(
    8, 1, 64, 'Maximum number of different images in one request. Pages of PDFs and frames count.', { unit: 'images' }
  ),
  MAX_FILE_SIZE_MB: number(20, 0.001, 2048, 'Maximum size of one image file. A larger one gets 413.', {
    unit: 'megabytes'
  }),
  JSON_BODY_LIMIT_MB: number(
    4, 0.001, 512,
    'Maximum size of a JSON body without its images, which `MAX_FILE_SIZE_MB` and `MAX_IMAGES` bound. A larger one ' +
    'gets 413.',
    { unit: 'megabytes' }
  ),
  MAX_INPUT_PIXELS: integer(
    100_000_000, 3136, 1_000_000_000,
    'Maximum area of an image according to its header (half of it for an AVIF or HEIC). A larger image is refused ' +
    'before it is decoded.',
    { unit: 'pixels', section: 'Limits on images' }
  ),
  UPLOAD_DIR: text(
    'uploads',
    'Folder for the files of running requests. It is empty when no request runs. Files left by a crash are deleted ' +
    'at the next start.',
    { section: 'Temporary files' }
  ),
  IMAGE_CACHE_MB: integer(
    512, 0, 1_048_576,
    'Memory for image embeddings, so that a repeated image is not encoded again. With `ENGINE=openai`: memory for ' +
    'prepared images. At most 90 % of the memory of the machine or container.',
    { unit: 'megabytes', section: 'Memory and slots' }
  ),
  BOX_COORDINATES: choice(
    'auto', ['auto', 'pixels', 'grid1000'],
    'Unit of the coordinates that the model writes: pixels of the prepared image, or a grid from 0 to 1000. ' +
    '`auto`: the unit of its family (Qwen2.5-VL: pixels, all others: grid1000).'
  ),

  IMAGE_URL_HOSTS: text(
    '',
    'Hosts from which `/v1` may fetch images by URL, such as `images.example.com,*.example.com`. Private and local ' +
    'addresses are never contacted.',
    { form: 'host names separated by commas', empty: 'none', section: 'Access control' }
  ),
  API_KEYS: text(
    '', 'API keys. A client must send one of them (`Authorization: Bearer <key>` or `X-API-Key: <key>`).',
    {
      form: '16 to 200 printable ASCII characters each, separated by commas',
      empty: 'no key is required',
      section: 'Access control'
    }
  ),
  RATE_LIMIT_KEY: integer(0, 0, 1_000_000, 'Requests to the model with one key. `0`: no limit.', {
    unit: 'requests per minute'
  }),
  RATE_LIMIT_ADDRESS: integer(
    0, 0, 1_000_000,
    'Requests to the model from one client address. `0`: no limit. Behind a proxy, also set `TRUST_PROXY`.',
    { unit: 'requests per minute' }
  ),
  CORS_ORIGIN: text(
    '', 'Web origins whose pages may call the API, such as `https://chat.example.com`.',
    { form: 'origins separated by commas, or `*`', empty: 'only the page of the service' }
  ),
  TRUST_PROXY: text(
    '',
    'Proxies whose `X-Forwarded-*` headers are trusted, such as `172.18.0.0/16`. Values that trust every client are ' +
    'refused, because any client could forge its address.',
    {
      form: 'addresses, CIDRs, `loopback`, `linklocal` or `uniquelocal`, separated by commas',
      empty: 'none',
      section: 'Access control'
    }
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: text(
    '', 'Base URL of the collector that receives traces, such as `http://localhost:4318`.',
    { form: 'an http(s) URL', empty: 'no traces', section: 'Traces' }
  ),
  OTEL_EXPORTER_OTLP_HEADERS: text(
    '', 'Additional headers for the collector.',
    { form: '`name=value` separated by commas, values percent-encoded', empty: 'none' }
  ),
  OTEL_SERVICE_NAME: text('sightline', 'Name of this service in traces.'),
  OTEL_TRACES_SAMPLER: choice(
    'parentbased_always_on', [...TRACES_SAMPLERS],
    'Selects the traces to record. With `parentbased_…`, a proxy in `TRUST_PROXY` may decide for its requests.',
    { section: 'Traces' }
  ),
  OTEL_TRACES_SAMPLER_ARG: number(1, 0, 1, 'The share of traces that `traceidratio` records.', {}),
  LOG_LEVEL: choice(
    'info', ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], 'The lowest level that is logged.',
    { section: 'Log' }
  )
})

/** The variables with the types of their values. */
export type Environment = Static<typeof EnvironmentSchema>
