import type { IncomingMessage } from 'node:http'
import {
  EngineCrashedError, EngineError, EngineNotReadyError, PromptTooLongError, ServerBusyError, ThinkingNotSupportedError,
  ToolsNotSupportedError, type SightlineError
} from '../../../errors/catalogue.ts'
import { NOT_READY, THINKING_FAULTS } from '../../../errors/phrases.ts'
import type { Log } from '../../log.ts'

/** An error that an upstream returned instead of an answer. */
export interface Refusal {
  /** 200 for an error within a stream. */
  status: number
  code: string
  type: string
  message: string
  /** Seconds. */
  retryAfter: number | null
  /** The error object of the body, in any shape. */
  body: Record<string, unknown>
}

/** The properties of a request that determine the meaning of a refusal. */
export interface RequestSummary {
  promptTokens: number
  contextSize: number
  tools: boolean
  /** The field of the request that asks for thoughts. Absent if no field does. */
  thinkingField?: string
}

const RETRY_AFTER_MAX_S = 3600

/** Codes of vLLM, SGLang, llama-server, OpenAI and this service for a prompt that does not fit the context. */
const TOO_LONG_CODES =
  new Set(['PROMPT_TOO_LONG', 'IMAGES_DO_NOT_FIT', 'context_length_exceeded', 'exceed_context_size_error'])
const TOO_LONG = /context (?:length|size|window)|maximum model length|max_model_len|longer than the model/i
const LIMIT = /(?:context length|context size|context window|model length|max_model_len|context holds)\D{0,24}(\d+)/i
/** Matches the tokens of the prompt alone, in refusals about prompt and answer together. */
const PROMPT = /(\d+) (?:input tokens|in the messages|tokens from the input messages)/i
const TOKENS = /(?:requested (?:a total of )?|needs |has |length |input \(|request \()(\d+)/i

/** Reads an error: `{error: {…}}`, or the fields without that frame, as in older versions of vLLM. */
export function readRefusal (
  { statusCode = 0, headers }: Pick<IncomingMessage, 'statusCode' | 'headers'>, text: string
): Refusal {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    json = {}
  }
  return {
    ...fromBody(Object(json).error ?? json), status: statusCode, retryAfter: readRetryAfter(headers['retry-after'])
  }
}

/** Reads an error that arrived as an event of a stream. */
export function fromEvent (error: unknown): Refusal {
  return { ...fromBody(error), status: 200, retryAfter: null }
}

function fromBody (error: unknown): Pick<Refusal, 'code' | 'type' | 'message' | 'body'> {
  const body = Object(typeof error === 'string' ? { message: error } : error) as Record<string, unknown>
  const text = (value: unknown) => typeof value === 'string' ? value : ''
  return { code: text(body.code), type: text(body.type), message: text(body.message), body }
}

function readRetryAfter (header: string | undefined): number | null {
  if (header === undefined) return null
  const seconds = /^\d+$/.test(header) ? Number(header) : Math.ceil((Date.parse(header) - Date.now()) / 1000)
  return Number.isFinite(seconds) ? Math.min(RETRY_AFTER_MAX_S, Math.max(1, seconds)) : null
}

/** Returns whether the upstream rejected the request before any computation, so that another upstream can be tried. */
export function isTurnedAway ({ status, code }: Refusal): boolean {
  return status === 429 || (status === 503 && code !== 'ENGINE_CRASHED')
}

/**
 * Reads the number of tokens that remain for an answer from a refusal because of prompt and `max_tokens` together.
 * The upstream's count is more precise than our estimate.
 * @returns null for any other refusal
 */
export function roomIn ({ status, message }: Refusal): number | null {
  const [, limit] = LIMIT.exec(message) ?? []
  const [, prompt] = PROMPT.exec(message) ?? []
  if (status < 400 || status >= 500 || limit === undefined || prompt === undefined) return null
  // Some servers keep one cell empty.
  const room = Number(limit) - Number(prompt) - 1
  return room >= 1 ? room : null
}

/**
 * Converts a refusal to an error for the client. The log gets its kind but not its message, which can quote the
 * request.
 */
export function toError (refusal: Refusal, summary: RequestSummary, log: Log, upstream: string): SightlineError {
  const { status, code, type } = refusal
  log.warn({ upstream, status, code: toName(code), type: toName(type) }, 'upstream refused a request')
  const error = kindOf(refusal, summary)
  if (refusal.retryAfter !== null && [429, 503].includes(error.statusCode)) error.retryAfterSeconds = refusal.retryAfter
  return error
}

/** Returns whether a refusal gives no reason that this service knows. */
export function isUnexplained (refusal: Refusal, summary: RequestSummary): boolean {
  return kindOf(refusal, summary) instanceof EngineError
}

/** Returns whether the upstream refuses thoughts: its model cannot think, or its operator forbids it. */
export function refusesThoughts ({ status, code }: Refusal): boolean {
  return status >= 400 && status < 500 && code === 'THINKING_NOT_SUPPORTED'
}

function kindOf (refusal: Refusal, summary: RequestSummary): SightlineError {
  const { status, code, type, message, body } = refusal
  if (TOO_LONG_CODES.has(code) ||
    TOO_LONG_CODES.has(type) ||
    (status >= 400 && status < 500 && TOO_LONG.test(message))) return tooLong(message, body, summary)
  if (status === 429 || code === 'SERVER_BUSY') return new ServerBusyError()
  if (status === 502 || code === 'ENGINE_CRASHED' || (status === 200 && code === 'SHUTTING_DOWN')) {
    return new EngineCrashedError()
  }
  if (status === 503) return new EngineNotReadyError(NOT_READY.upstreamNotReady)
  const isClientError = status >= 400 && status < 500
  if (summary.thinkingField !== undefined && refusesThoughts(refusal)) {
    return new ThinkingNotSupportedError(summary.thinkingField, THINKING_FAULTS.refused)
  }
  if (isClientError && summary.tools && (code === 'TOOLS_NOT_SUPPORTED' || /\btools?\b/i.test(message))) {
    return new ToolsNotSupportedError()
  }
  return new EngineError()
}

/** Uses the upstream's own numbers if the refusal contains them. */
function tooLong (
  message: string, { n_prompt_tokens: prompt, n_ctx: context }: Record<string, unknown>,
  { promptTokens, contextSize }: RequestSummary
): SightlineError {
  const limit = typeof context === 'number' ? context : Number(LIMIT.exec(message)?.[1] ?? contextSize)
  const tokens = typeof prompt === 'number' ? prompt : Number(TOKENS.exec(message)?.[1] ?? promptTokens)
  return new PromptTooLongError(Math.max(tokens, limit + 1), limit)
}

/** Returns a short identifier, or an empty string for any other text. */
function toName (text: string): string {
  return /^[\w.-]{1,64}$/.test(text) ? text : ''
}
