import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parseEnv } from 'node:util'
import { Type, type Static, type TSchema } from 'typebox'
import { Value } from 'typebox/value'

/** A wrong setting; the message is one line for the operator. */
export class ConfigError extends Error {}

const text = (fallback: string) => Type.String({ default: fallback })
const integer = (fallback: number, minimum: number, maximum: number) => Type.Integer({ default: fallback, minimum, maximum })
const number = (fallback: number, minimum: number, maximum: number) => Type.Number({ default: fallback, minimum, maximum })
const choice = <const T extends string[]> (fallback: T[number], ...values: T) => Type.Unsafe<T[number]>({ type: 'string', enum: values, default: fallback })

/** Every variable of the environment that the service reads, with default and bounds. An empty one counts as unset. */
export const EnvironmentSchema = Type.Object({
  HOST: text('127.0.0.1'),
  PORT: integer(5000, 0, 65_535),
  MODEL: text(''),
  MMPROJ: text(''),
  MODELS_DIR: text('models'),
  LLAMA_GPU: choice('auto', 'auto', 'cuda', 'vulkan', 'metal', 'off'),
  LLAMA_THREADS: integer(0, 0, 512),
  CONTEXT_SIZE: integer(8192, 512, 1_048_576),
  MAX_CONCURRENT_REQUESTS: integer(3, 1, 64),
  QUEUE_SIZE: integer(0, 0, 10_000),
  QUEUE_TIMEOUT: number(30, 0.01, 3600),
  REQUEST_TIMEOUT: number(300, 0.01, 86_400),
  UPLOAD_TIMEOUT: number(60, 0.01, 3600),
  SHUTDOWN_GRACE: number(30, 0, 3600),
  IMAGE_COMPRESSION_MAX_SIZE: integer(1024, 56, 16_384),
  MAX_PIXELS: integer(1_003_520, 3136, 16_777_216),
  IMAGE_MIN_TOKENS: integer(0, 0, 16_384),
  IMAGE_MAX_TOKENS: integer(0, 0, 16_384),
  MAX_IMAGES: integer(8, 1, 64),
  MAX_FILE_SIZE_MB: number(20, 0.001, 2048),
  JSON_BODY_LIMIT_MB: number(16, 0.001, 512),
  MAX_INPUT_PIXELS: integer(100_000_000, 3136, 1_000_000_000),
  UPLOAD_DIR: text('uploads'),
  IMAGE_CACHE_MB: integer(512, 0, 1_048_576),
  TRUST_PROXY: text(''),
  LOG_LEVEL: choice('info', 'trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent')
})
type Environment = Static<typeof EnvironmentSchema>

export interface Config {
  readonly host: string
  readonly port: number
  /** Preset, path or URI; empty for the embedded model. */
  readonly model: string
  readonly mmproj: string
  readonly modelsDir: string
  readonly llamaGpu: Environment['LLAMA_GPU']
  /** 0: all cores. */
  readonly llamaThreads: number
  /** KV cells of a slot. */
  readonly contextSize: number
  readonly maxConcurrentRequests: number
  readonly queueSize: number
  readonly queueTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly uploadTimeoutMs: number
  readonly shutdownGraceMs: number
  /** Longest side of a prepared picture in pixels. */
  readonly imageCompressionMaxSize: number
  /** Largest area of a prepared picture in pixels. */
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
  /** Addresses and CIDRs of proxies whose forwarded headers are believed. */
  readonly trustProxy: readonly string[]
  readonly logLevel: Environment['LOG_LEVEL']
}

/** The process's environment, with `.env` of a folder below it. */
export function readEnvironment (cwd: string): NodeJS.ProcessEnv {
  try {
    return { ...parseEnv(readFileSync(path.join(cwd, '.env'), 'utf8')), ...process.env }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return process.env
    throw new ConfigError(`.env cannot be read: ${(error as Error).message}`)
  }
}

/**
 * Checks the settings and gives them their types; relative folders are taken from the working directory.
 * @throws ConfigError naming the variable, its value and what is allowed
 */
export function loadConfig (env: NodeJS.ProcessEnv = process.env): Config {
  const settings = Object.fromEntries(Object.entries(EnvironmentSchema.properties).map(([name, schema]) => [name, readVariable(name, schema, env[name])])) as Environment
  const { IMAGE_MIN_TOKENS: minTokens, IMAGE_MAX_TOKENS: maxTokens } = settings
  if (minTokens > 0 && maxTokens > 0 && minTokens > maxTokens) throw new ConfigError(`IMAGE_MIN_TOKENS (${minTokens}) must not be more than IMAGE_MAX_TOKENS (${maxTokens})`)
  return Object.freeze({
    host: settings.HOST,
    port: settings.PORT,
    model: settings.MODEL,
    mmproj: settings.MMPROJ,
    modelsDir: path.resolve(settings.MODELS_DIR),
    llamaGpu: settings.LLAMA_GPU,
    llamaThreads: settings.LLAMA_THREADS,
    contextSize: settings.CONTEXT_SIZE,
    maxConcurrentRequests: settings.MAX_CONCURRENT_REQUESTS,
    queueSize: settings.QUEUE_SIZE,
    queueTimeoutMs: settings.QUEUE_TIMEOUT * 1000,
    requestTimeoutMs: settings.REQUEST_TIMEOUT * 1000,
    uploadTimeoutMs: settings.UPLOAD_TIMEOUT * 1000,
    shutdownGraceMs: settings.SHUTDOWN_GRACE * 1000,
    imageCompressionMaxSize: settings.IMAGE_COMPRESSION_MAX_SIZE,
    maxPixels: settings.MAX_PIXELS,
    imageMinTokens: minTokens || null,
    imageMaxTokens: maxTokens || null,
    maxImages: settings.MAX_IMAGES,
    maxFileSizeMb: settings.MAX_FILE_SIZE_MB,
    jsonBodyLimitMb: settings.JSON_BODY_LIMIT_MB,
    maxInputPixels: settings.MAX_INPUT_PIXELS,
    uploadDir: path.resolve(settings.UPLOAD_DIR),
    imageCacheMb: settings.IMAGE_CACHE_MB,
    trustProxy: readTrustProxy(settings.TRUST_PROXY),
    logLevel: settings.LOG_LEVEL
  })
}

/** What to tell an operator whose picture limits contradict each other, or null. */
export function compressionWarning ({ imageCompressionMaxSize: side, maxPixels }: Config): string | null {
  // A panorama may still use the whole side; for a common 4:3 picture the area is the tighter bound.
  if (side * side * 3 / 4 <= maxPixels) return null
  return `MAX_PIXELS=${maxPixels} keeps pictures below IMAGE_COMPRESSION_MAX_SIZE=${side}: raise it to ${side * side} for square pictures of that size`
}

function readVariable (name: string, schema: TSchema, raw: string | undefined): unknown {
  const { type, default: fallback } = schema as TSchema & { type: string, default: unknown }
  const value = raw?.trim() ?? ''
  if (value === '') return fallback
  const typed = type === 'string' ? value : Number(value)
  if (!Value.Check(schema, typed)) throw new ConfigError(`${name} must be ${describe(schema)}, got "${value.slice(0, 80)}"`)
  return typed
}

function describe (schema: TSchema): string {
  const { type, minimum, maximum, enum: values } = schema as TSchema & { type: string, minimum?: number, maximum?: number, enum?: string[] }
  if (values) return `one of ${values.join(', ')}`
  return `${type === 'integer' ? 'an integer' : `a ${type}`} from ${minimum} to ${maximum}`
}

function readTrustProxy (value: string): readonly string[] {
  if (value === 'true') throw new ConfigError('TRUST_PROXY must list addresses or CIDRs of proxies: with "true" every client could forge its address')
  return value === '' ? [] : value.split(',').map(entry => entry.trim()).filter(Boolean)
}
