import { readFileSync } from 'node:fs'
import { isIP, isIPv4 } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { parseEnv } from 'node:util'
import type { TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { EnvironmentSchema, MAX_PIXELS_LIMIT, type Environment } from './schema.ts'
import { ConfigError, listOf, readEngineKey, readEngineUrls, readTraces, wrong, type TracesConfig } from './values.ts'

export { ConfigError, EnvironmentSchema }

/** Names that Fastify knows for the private ranges. */
const PROXY_RANGES = ['loopback', 'linklocal', 'uniquelocal']
const HOST = /^(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?$/
/** What is shorter can be guessed. */
const KEY_MIN_CHARACTERS = 16
const KEY = /^[!-+\--~]{16,200}$/

/** How much of the memory the image cache may take: the rest is for all else that runs. */
const CACHE_SHARE = 0.9

type Settings = { [Name in keyof Environment]: Environment[Name] | (Name extends 'LLAMA_THREADS' | 'IMAGE_MIN_TOKENS' | 'IMAGE_MAX_TOKENS' ? undefined : never) }

export interface Config {
  readonly host: string
  readonly port: number
  /** Where answers are made: here, or by servers that speak OpenAI's dialect. */
  readonly engine: Environment['ENGINE']
  /** Bases of those servers' interfaces, each with a slash at its end. */
  readonly engineUrls: readonly string[]
  readonly engineApiKey: string
  /** Empty: the first that each server lists. */
  readonly engineModel: string
  /** Pixels; sides of prepared images are multiples of this. 0: the model cannot see. */
  readonly engineImageMultiple: number
  /** Preset, path or URI; empty for the embedded model. */
  readonly model: string
  readonly mmproj: string
  readonly modelsDir: string
  readonly llamaGpu: Environment['LLAMA_GPU']
  /** 0: all cores. */
  readonly llamaThreads: number
  /** KV cells of a slot. */
  readonly contextSize: number
  /** auto: what the memory holds. */
  readonly maxConcurrentRequests: number | 'auto'
  readonly queueSize: number
  readonly queueTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly uploadTimeoutMs: number
  readonly headersTimeoutMs: number
  /** How long a client may leave its answer unread. */
  readonly stallTimeoutMs: number
  readonly shutdownGraceMs: number
  readonly maxConnections: number
  /** Longest side of a prepared image in pixels. */
  readonly imageCompressionMaxSize: number
  /** Largest area of a prepared image in pixels. */
  readonly maxPixels: number
  /** Null: the projector's own. */
  readonly imageMinTokens: number | null
  readonly imageMaxTokens: number | null
  readonly maxImages: number
  readonly maxFileSizeMb: number
  readonly jsonBodyLimitMb: number
  readonly maxInputPixels: number
  readonly uploadDir: string
  readonly imageCacheMb: number
  /** How the model points at things; auto: what its family does. */
  readonly boxCoordinates: Environment['BOX_COORDINATES']
  /** Hosts, in lower case, from which images may be fetched; `*.example.com` stands for all below it. */
  readonly imageUrlHosts: readonly string[]
  /** Empty: everybody may ask. */
  readonly apiKeys: readonly string[]
  /** Requests a minute for the model, 0 for no limit. */
  readonly rateLimitKey: number
  readonly rateLimitAddress: number
  /** Origins whose pages may call the API, `['*']` for all; empty: none but its own. */
  readonly corsOrigins: readonly string[]
  /** Addresses and CIDRs of proxies whose forwarded headers are believed. */
  readonly trustProxy: readonly string[]
  /** Null: none are made. */
  readonly traces: Readonly<TracesConfig> | null
  readonly logLevel: Environment['LOG_LEVEL']
}

/**
 * The process's environment, with `.env` of a folder below it.
 * @throws ConfigError when `.env` is there but cannot be read
 */
export function readEnvironment (cwd: string): NodeJS.ProcessEnv {
  // An empty variable counts as unset, so it must not hide what the file says.
  const own = Object.fromEntries(Object.entries(process.env).filter(([, value]) => value?.trim()))
  try {
    const text = readFileSync(path.join(cwd, '.env'), 'utf8')
    // Windows editors begin a file with a byte order mark, which would become part of the first name.
    return { ...parseEnv(text.replace(/^\uFEFF/, '')), ...own }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return own
    throw new ConfigError(`.env cannot be read: ${(error as Error).message}`)
  }
}

/** Bytes of memory that this process may use: those of the machine, or of its container where that has a limit. */
function memoryBytes (): number {
  return Math.min(os.totalmem(), process.constrainedMemory() || Infinity)
}

/**
 * Checks the settings and gives them their types; relative folders are taken from the working directory.
 * @param memory bytes that this process may use
 * @throws ConfigError naming the variable, its value and what is allowed
 */
export function loadConfig (env: NodeJS.ProcessEnv = process.env, memory = memoryBytes()): Config {
  const settings = Object.fromEntries(
    Object.entries(EnvironmentSchema.properties).map(([name, schema]) => [name, readVariable(name, schema, env[name])])
  ) as Settings
  const { IMAGE_MIN_TOKENS: minTokens, IMAGE_MAX_TOKENS: maxTokens } = settings
  if (minTokens && maxTokens && minTokens > maxTokens) {
    throw new ConfigError(`IMAGE_MIN_TOKENS (${minTokens}) must not be more than IMAGE_MAX_TOKENS (${maxTokens})`)
  }
  if (settings.ENGINE === 'openai' && settings.MAX_CONCURRENT_REQUESTS === 'auto') {
    throw new ConfigError(
      'MAX_CONCURRENT_REQUESTS=auto is for ENGINE=local: servers elsewhere do not say how many requests they take'
    )
  }
  const cacheLimitMb = Math.floor(memory * CACHE_SHARE / 1024 / 1024)
  // A small container starts with the defaults.
  const imageCacheMb =
    env.IMAGE_CACHE_MB?.trim() ? settings.IMAGE_CACHE_MB : Math.min(settings.IMAGE_CACHE_MB, cacheLimitMb)
  if (imageCacheMb > cacheLimitMb) {
    throw new ConfigError(
    `IMAGE_CACHE_MB=${settings.IMAGE_CACHE_MB} does not fit into the memory of this machine or container: at most ${cacheLimitMb}`
    )
  }
  return Object.freeze({
    // For that name Fastify would open a second server, for ::1, that knows neither our limits nor our words.
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
    llamaThreads: settings.LLAMA_THREADS ?? 0,
    contextSize: settings.CONTEXT_SIZE,
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

/** What to tell an operator whose image limits contradict each other, or null. */
export function compressionWarning (
  { imageCompressionMaxSize: side, maxPixels }: Pick<Config, 'imageCompressionMaxSize' | 'maxPixels'>
): string | null {
  // A panorama may still use the whole side; for a common 4:3 image the area is the tighter bound.
  if (side * side * 3 / 4 <= maxPixels) return null
  const bound = Math.floor(Math.sqrt(maxPixels))
  const remedy = side * side <= MAX_PIXELS_LIMIT
    ? `raise MAX_PIXELS to ${side * side}`
    : `lower IMAGE_COMPRESSION_MAX_SIZE to ${bound}`
  return `MAX_PIXELS=${maxPixels} shrinks a square picture to ${bound} x ${bound} before IMAGE_COMPRESSION_MAX_SIZE=${side} is reached: ${remedy}`
}

/** One variable in its natural type; undefined when it is empty and has no default. */
function readVariable (name: string, schema: TSchema, raw: string | undefined): unknown {
  const { type, default: fallback } = schema as TSchema & { type: string, default: unknown }
  const value = raw?.trim() ?? ''
  if (value === '') return fallback
  const typed = type === 'string' || words(schema).includes(value) ? value : toNumber(value)
  if (!Value.Check(schema, typed)) throw wrong(name, describe(schema), value)
  return typed
}

/** Plain decimal notation only: `Number` would also take 0x10, 1e3 and Infinity for what nobody meant. */
function toNumber (value: string): number {
  return /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : NaN
}

// 16.1 * 1000 is 16100.000000000002.
function milliseconds (seconds: number): number {
  return Math.round(seconds * 1000)
}

/** The words that a setting takes beside numbers. */
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

function readHosts (value: string): readonly string[] {
  const hosts = listOf(value.toLowerCase())
  for (const host of hosts) {
    if (!HOST.test(host)) {
      throw wrong(
        'IMAGE_URL_HOSTS', 'host names separated by commas, such as images.example.com or *.example.com', host
      )
    }
  }
  return hosts
}

function readKeys (value: string): readonly string[] {
  const keys = listOf(value)
  for (const [index, key] of keys.entries()) {
    // The key itself is not told: the line goes to logs.
    if (!KEY.test(key)) {
      throw new ConfigError(`API_KEYS: key ${index +
      1} must have ${KEY_MIN_CHARACTERS} to 200 printable ASCII characters, without blanks or commas`)
    }
    if (keys.indexOf(key) !== index) throw new ConfigError(`API_KEYS: key ${index + 1} is there twice`)
  }
  return keys
}

function readOrigins (value: string): readonly string[] {
  const origins = listOf(value)
  for (const origin of origins) {
    const isOrigin = URL.canParse(origin) && new URL(origin).origin === origin
    if (origin !== '*' && !isOrigin) {
      throw wrong('CORS_ORIGIN', '* or origins separated by commas, such as https://chat.example.com', origin)
    }
  }
  return origins
}

function readTrustProxy (value: string): readonly string[] {
  const entries = listOf(value)
  for (const entry of entries) {
    if (isEverybody(entry)) {
      throw new ConfigError(
      `TRUST_PROXY=${entry} would believe the address that any client writes into X-Forwarded-For, which is forgeable: list the proxy's own addresses or CIDRs, such as 172.18.0.0/16`
      )
    }
    if (!isProxy(entry)) {
      throw wrong('TRUST_PROXY', `addresses or CIDRs separated by commas (or ${PROXY_RANGES.join(', ')})`, entry)
    }
  }
  return entries
}

function isEverybody (entry: string): boolean {
  return ['true', '*'].includes(entry.toLowerCase()) || /\/0+$/.test(entry)
}

function isProxy (entry: string): boolean {
  if (PROXY_RANGES.includes(entry)) return true
  const [address = '', prefix = '', ...rest] = entry.split('/')
  if (isIP(address) === 0 || rest.length > 0) return false
  return !entry.includes('/') || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (isIPv4(address) ? 32 : 128))
}
