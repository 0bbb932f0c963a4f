import type { IncomingMessage } from 'node:http'
import {
  EngineCrashedError, EngineError, EngineNotReadyError, PromptTooLongError, ServerBusyError, ToolsNotSupportedError,
  type SightlineError
} from '../../../errors/catalogue.ts'
import { NOT_READY } from '../../../errors/phrases.ts'
import type { Log } from '../../log.ts'

/** What an upstream says instead of an answer. */
export interface Refusal {
  /** 200 for one in the middle of a stream. */
  status: number
  code: string
  type: string
  message: string
  /** Seconds. */
  retryAfter: number | null
  /** The error in its body, whatever its shape. */
  body: Record<string, unknown>
}

/** What the request was, as far as it tells what a refusal means. */
export interface Asked { promptTokens: number, contextSize: number, tools: boolean }

const RETRY_AFTER_MAX_S = 3600

/** The words of vLLM, SGLang, llama-server, OpenAI and this service for a prompt that does not fit. */
const TOO_LONG_CODES =
  new Set(['PROMPT_TOO_LONG', 'IMAGES_DO_NOT_FIT', 'context_length_exceeded', 'exceed_context_size_error'])
const TOO_LONG = /context (?:length|size|window)|maximum model length|max_model_len|longer than the model/i
const LIMIT = /(?:context length|context size|context window|model length|max_model_len|context holds)\D{0,24}(\d+)/i
/** Of the prompt alone, where the refusal is about prompt and answer together. */
const PROMPT = /(\d+) (?:input tokens|in the messages|tokens from the input messages)/i
const TOKENS = /(?:requested (?:a total of )?|needs |has |length |input \(|request \()(\d+)/i

/** Reads an error of any of the dialects: `{error: {…}}`, or the fields without that frame, as vLLM once had it. */
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

/** The same for an error that comes as an event. */
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

/** It was not let in, and nothing was computed: another upstream may have room. */
export function isTurnedAway ({ status, code }: Refusal): boolean {
  return status === 429 || (status === 503 && code !== 'ENGINE_CRASHED')
}

/**
 * Tokens that the upstream has left for an answer, when it refused a prompt that fits because of the answer's bound: its own count goes before our estimate.
 * @returns null when it is not that
 */
export function roomIn ({ status, message }: Refusal): number | null {
  const [, limit] = LIMIT.exec(message) ?? []
  const [, prompt] = PROMPT.exec(message) ?? []
  if (status < 400 || status >= 500 || limit === undefined || prompt === undefined) return null
  // Whether a cell stays empty differs.
  const room = Number(limit) - Number(prompt) - 1
  return room >= 1 ? room : null
}

/** What a refusal means to our client. Says to the log what kind it is, but not the sentence: it may quote what the client sent. */
export function toError (refusal: Refusal, asked: Asked, log: Log, upstream: string): SightlineError {
  const { status, code, type } = refusal
  log.warn({ upstream, status, code: asName(code), type: asName(type) }, 'the upstream refused a request')
  const error = kindOf(refusal, asked)
  if (refusal.retryAfter !== null && [429, 503].includes(error.statusCode)) error.retryAfterSeconds = refusal.retryAfter
  return error
}

function kindOf (refusal: Refusal, asked: Asked): SightlineError {
  const { status, code, type, message, body } = refusal
  if (TOO_LONG_CODES.has(code) ||
    TOO_LONG_CODES.has(type) ||
    (status >= 400 && status < 500 && TOO_LONG.test(message))) return tooLong(message, body, asked)
  if (status === 429 || code === 'SERVER_BUSY') return new ServerBusyError()
  if (status === 502 || code === 'ENGINE_CRASHED' || (status === 200 && code === 'SHUTTING_DOWN')) {
    return new EngineCrashedError()
  }
  if (status === 503) return new EngineNotReadyError(NOT_READY.upstreamNotReady)
  if (status >= 400 && status < 500 && asked.tools && (code === 'TOOLS_NOT_SUPPORTED' || /\btools?\b/i.test(message))) {
    return new ToolsNotSupportedError()
  }
  return new EngineError()
}

/** With the upstream's own figures, where they can be found. */
function tooLong (
  message: string, { n_prompt_tokens: prompt, n_ctx: context }: Record<string, unknown>,
  { promptTokens, contextSize }: Asked
): SightlineError {
  const limit = typeof context === 'number' ? context : Number(LIMIT.exec(message)?.[1] ?? contextSize)
  const tokens = typeof prompt === 'number' ? prompt : Number(TOKENS.exec(message)?.[1] ?? promptTokens)
  return new PromptTooLongError(Math.max(tokens, limit + 1), limit)
}

/** A short name and no sentence. */
function asName (text: string): string {
  return /^[\w.-]{1,64}$/.test(text) ? text : ''
}
