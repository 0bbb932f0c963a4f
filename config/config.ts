import { readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseEnv } from 'node:util'
import type { TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { readHosts, readKeys, readOrigins, readTrustProxy } from './access.ts'
import { EnvironmentSchema, MAX_PIXELS_LIMIT, type Environment } from './schema.ts'
import {
  ConfigError, readEffortTokens, readEngineKey, readEngineUrls, readTraces, wrong, type Effort, type TracesConfig
} from './values.ts'

export { ConfigError, EnvironmentSchema }

/** Largest share of the memory for the image cache. The rest of the service needs the remainder. */
const CACHE_SHARE = 0.9

type Optional = 'LLAMA_THREADS' | 'IMAGE_MIN_TOKENS' | 'IMAGE_MAX_TOKENS'
type Settings = Omit<Environment, Optional> & Partial<Pick<Environment, Optional>>

export interface Config {
  readonly host: string
  readonly port: number
  /** The engine that computes answers: this service, or servers with an OpenAI-compatible API. */
  readonly engine: Environment['ENGINE']
  /** Base URLs of those servers, each with a trailing slash. */
  readonly engineUrls: readonly string[]
  readonly engineApiKey: string
  /** Empty: the first model that each server lists. */
  readonly engineModel: string
  /** Sides of prepared images are multiples of this many pixels. 0: the model has no vision. */
  readonly engineImageMultiple: number
  /** Preset, path or URI. Empty: the embedded model. */
  readonly model: string
  readonly mmproj: string
  readonly modelsDir: string
  readonly llamaGpu: Environment['LLAMA_GPU']
  /** 0: all cores. */
  readonly flashAttention: 'auto' | 'on' | 'off'
  readonly llamaThreads: number
  /** KV cells of one sequence. */
  readonly contextSize: number
  /** auto: as many as fit the memory. */
  readonly maxConcurrentRequests: number | 'auto'
  readonly queueSize: number
  readonly queueTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly uploadTimeoutMs: number
  readonly headersTimeoutMs: number
  /** Longest time for which a client may stop reading its answer. */
  readonly stallTimeoutMs: number
  readonly shutdownGraceMs: number
  readonly maxConnections: number
  /** Longest side of a prepared image in pixels. */
  readonly imageCompressionMaxSize: number
  /** Largest area of a prepared image in pixels. */
  readonly maxPixels: number
  /** Null: the value of the projector. */
  readonly imageMinTokens: number | null
  readonly imageMaxTokens: number | null
  readonly maxImages: number
  /** Thinking of requests that do not ask for it; a number is the maximum of thought tokens. */
  readonly thinking: 'off' | 'on' | number
  /** Maximum number of thought tokens of an answer; 0 forbids thoughts. */
  readonly maxThinkingTokens: number
  /** Thought tokens of each `reasoning_effort`. */
  readonly reasoningEffortTokens: Readonly<Record<Effort, number>>
  readonly maxFileSizeMb: number
  readonly jsonBodyLimitMb: number
  readonly maxInputPixels: number
  readonly uploadDir: string
  readonly imageCacheMb: number
  /** Unit of the coordinates that the model writes. auto: the unit of the model's family. */
  readonly boxCoordinates: Environment['BOX_COORDINATES']
  /** Hosts, in lower case, from which images may be fetched. `*.example.com` means every subdomain. */
  readonly imageUrlHosts: readonly string[]
  /** Empty: no key is required. */
  readonly apiKeys: readonly string[]
  /** Requests to the model per minute, 0 for no limit. */
  readonly rateLimitKey: number
  readonly rateLimitAddress: number
  /** Origins whose pages may call the API, `['*']` for all. Empty: only the page of the service. */
  readonly corsOrigins: readonly string[]
  /** Addresses and CIDRs of proxies whose forwarded headers are trusted. */
  readonly trustProxy: readonly string[]
  /** Null: no traces are recorded. */
  readonly traces: Readonly<TracesConfig> | null
  readonly logLevel: Environment['LOG_LEVEL']
}

/**
 * Returns the environment of the process, completed by the variables of `.env` in a folder.
 * @throws ConfigError when `.env` exists but cannot be read
 */
export function readEnvironment (cwd: string): NodeJS.ProcessEnv {
  // An empty variable counts as unset, so it must not override the file.
  const own = Object.fromEntries(Object.entries(process.env).filter(([, value]) => value?.trim()))
  try {
    const text = readFileSync(path.join(cwd, '.env'), 'utf8')
    // Windows editors write a byte order mark, which would become part of the first name.
    return { ...parseEnv(text.replace(/^\uFEFF/, '')), ...own }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return own
    throw new ConfigError(`.env cannot be read: ${(error as Error).message}`)
  }
}

/** Bytes of memory that this process may use: the limit of its container, or the memory of the machine. */
function memoryBytes (): number {
  return Math.min(os.totalmem(), process.constrainedMemory() || Infinity)
}

/**
 * Checks the settings and converts them to their types. Relative folders are resolved against the working directory.
 * @param memory bytes that this process may use
 * @throws ConfigError with the variable, its value and the allowed values
 */
export function loadConfig (env: NodeJS.ProcessEnv = process.env, memory = memoryBytes()): Config {
  const settings = Object.fromEntries(
    Object.entries(EnvironmentSchema.properties).map(([name, schema]) => [name, readVariable(name, schema, env[name])])
  ) as Settings
  const { IMAGE_MIN_TOKENS: minTokens, IMAGE_MAX_TOKENS: maxTokens } = settings
  if (minTokens && maxTokens && minTokens > maxTokens) {
    throw new ConfigError(`IMAGE_MIN_TOKENS (${minTokens}) must not exceed IMAGE_MAX_TOKENS (${maxTokens})`)
  }
  if (settings.ENGINE === 'openai' && settings.MAX_CONCURRENT_REQUESTS === 'auto') {
    throw new ConfigError(
      'MAX_CONCURRENT_REQUESTS=auto needs ENGINE=local, because other servers do not report their slots: set a number'
    )
  }
  const cacheLimitMb = Math.floor(memory * CACHE_SHARE / 1024 / 1024)
  // The default must not keep a small container from starting.
  const imageCacheMb =
    env.IMAGE_CACHE_MB?.trim() ? settings.IMAGE_CACHE_MB : Math.min(settings.IMAGE_CACHE_MB, cacheLimitMb)
  if (imageCacheMb > cacheLimitMb) {
    throw new ConfigError(
      `IMAGE_CACHE_MB=${imageCacheMb} exceeds the memory of this machine or container: set at most ${cacheLimitMb}`
    )
  }
  return Object.freeze({
    // For this name Fastify would open a second server on ::1, without our limits and error handlers.
    host: settings.HOST === 'localhost' ? '127.0.0.1' : settings.HOST,
    port: settings.PORT,
    engine: settings.ENGINE,
    engineUrls: readEngineUrls(settings.ENGINE_URL, settings.ENGINE === 'openai'),
    engineApiKey: readEngineKey(settings.ENGINE_API_KEY),
    engineModel: settings.ENGINE_MODEL,
    engineImageMultiple: settings.ENGINE_IMAGE_MULTIPLE,
    model: settings.MODEL,
    mmproj: settings.MMPROJ,
    modelsDir: path.resolve(settings.MODELS_DIR),
    llamaGpu: settings.LLAMA_GPU,
    flashAttention: settings.LLAMA_FLASH_ATTENTION,
    llamaThreads: settings.LLAMA_THREADS ?? 0,
    contextSize: settings.CONTEXT_SIZE,
    thinking: settings.THINKING,
    maxThinkingTokens: settings.MAX_THINKING_TOKENS,
    reasoningEffortTokens: readEffortTokens(settings.REASONING_EFFORT_TOKENS),
    maxConcurrentRequests: settings.MAX_CONCURRENT_REQUESTS,
    queueSize: settings.QUEUE_SIZE,
    queueTimeoutMs: milliseconds(settings.QUEUE_TIMEOUT),
    requestTimeoutMs: milliseconds(settings.REQUEST_TIMEOUT),
    uploadTimeoutMs: milliseconds(settings.UPLOAD_TIMEOUT),
    headersTimeoutMs: milliseconds(settings.HEADERS_TIMEOUT),
    stallTimeoutMs: milliseconds(settings.STALL_TIMEOUT),
    shutdownGraceMs: milliseconds(settings.SHUTDOWN_GRACE),
    maxConnections: settings.MAX_CONNECTIONS,
    imageCompressionMaxSize: settings.IMAGE_COMPRESSION_MAX_SIZE,
    maxPixels: settings.MAX_PIXELS,
    imageMinTokens: minTokens || null,
    imageMaxTokens: maxTokens || null,
    maxImages: settings.MAX_IMAGES,
    maxFileSizeMb: settings.MAX_FILE_SIZE_MB,
    jsonBodyLimitMb: settings.JSON_BODY_LIMIT_MB,
    maxInputPixels: settings.MAX_INPUT_PIXELS,
    uploadDir: path.resolve(settings.UPLOAD_DIR),
    imageCacheMb,
    boxCoordinates: settings.BOX_COORDINATES,
    imageUrlHosts: readHosts(settings.IMAGE_URL_HOSTS),
    apiKeys: readKeys(settings.API_KEYS),
    rateLimitKey: settings.RATE_LIMIT_KEY,
    rateLimitAddress: settings.RATE_LIMIT_ADDRESS,
    corsOrigins: readOrigins(settings.CORS_ORIGIN),
    trustProxy: readTrustProxy(settings.TRUST_PROXY),
    traces: readTraces(settings.OTEL_EXPORTER_OTLP_ENDPOINT, settings.OTEL_EXPORTER_OTLP_HEADERS, {
      serviceName: settings.OTEL_SERVICE_NAME,
      sampler: settings.OTEL_TRACES_SAMPLER,
      ratio: settings.OTEL_TRACES_SAMPLER_ARG
    }),
    logLevel: settings.LOG_LEVEL
  })
}

/** Returns a warning for the operator if the two limits of image sizes contradict each other, otherwise null. */
export function compressionWarning (
  { imageCompressionMaxSize: side, maxPixels }: Pick<Config, 'imageCompressionMaxSize' | 'maxPixels'>
): string | null {
  // The area is the tighter limit for an image of 4:3. For a panorama, the side may be the tighter one.
  if (side * side * 3 / 4 <= maxPixels) return null
  const bound = Math.floor(Math.sqrt(maxPixels))
  const remedy = side * side <= MAX_PIXELS_LIMIT
    ? `raise MAX_PIXELS to ${side * side}`
    : `lower IMAGE_COMPRESSION_MAX_SIZE to ${bound}`
  return `MAX_PIXELS=${maxPixels} limits square images to ${bound} x ${bound} pixels, ` +
    `so IMAGE_COMPRESSION_MAX_SIZE=${side} is never reached: ${remedy}`
}

/** Returns one variable with its type, or undefined if it is empty and has no default. */
function readVariable (name: string, schema: TSchema, raw: string | undefined): unknown {
  const { type, default: fallback } = schema as TSchema & { type: string, default: unknown }
  const value = raw?.trim() ?? ''
  if (value === '') return fallback
  const typed = type === 'string' || words(schema).includes(value) ? value : toNumber(value)
  if (!Value.Check(schema, typed)) throw wrong(name, describe(schema), value)
  return typed
}

/** Accepts plain decimals only: `Number` would also accept 0x10, 1e3 and Infinity. */
function toNumber (value: string): number {
  return /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : NaN
}

// Rounds the result, because 16.1 * 1000 is 16100.000000000002.
function milliseconds (seconds: number): number {
  return Math.round(seconds * 1000)
}

/** The words that a setting accepts in addition to numbers. */
function words (schema: TSchema): string[] {
  return ((schema as { anyOf?: Array<{ const?: string }> }).anyOf ?? []).flatMap(one => one.const ?? [])
}

function describe (schema: TSchema): string {
  const { anyOf } = schema as { anyOf?: TSchema[] }
  if (anyOf) return [...words(schema), ...anyOf.filter(one => !('const' in one)).map(describe)].join(' or ')
  const { type, minimum, maximum, enum: values } =
    schema as TSchema & { type: string, minimum?: number, maximum?: number, enum?: string[] }
  if (values) return `one of ${values.join(', ')}`
  return `${type === 'integer' ? 'an integer' : `a ${type}`} from ${minimum} to ${maximum}`
}
