import type { Usage } from '../engine.ts'
import { callText } from './messages.ts'
import { MalformedStreamError } from './sse.ts'

/** How an answer ended, as far as its stream says so. */
export interface Ending {
  finishReason: 'stop' | 'length'
  /** What the upstream counted; each may be missing. */
  usage: { [Name in keyof Usage]?: number }
}

type Json = Record<string, unknown>

/** Puts an answer together from the chunks of its stream. */
export class CompletionReader {
  #calls: Array<{ name: string, arguments: string }> = []
  #finish: string | null = null
  #usage: Json = {}

  /** The stream has said how the answer ended. */
  get finished (): boolean { return this.#finish !== null }

  /** The upstream gave up by itself. */
  get aborted (): boolean { return this.#finish === 'abort' || this.#finish === 'error' }

  /**
   * @param data of an event, JSON
   * @returns the text that it brings, and the error that it says instead
   * @throws MalformedStreamError
   */
  push (data: string): { text: string, error?: unknown } {
    const chunk = parse(data)
    if (chunk.error !== undefined && chunk.error !== null) return { text: '', error: chunk.error }
    if (isObject(chunk.usage)) this.#usage = chunk.usage
    if (!Array.isArray(chunk.choices)) throw new MalformedStreamError('a chunk has no choices')
    const choice = chunk.choices[0]
    if (!isObject(choice)) return { text: '' }
    const delta = isObject(choice.delta) ? choice.delta : {}
    if (Array.isArray(delta.tool_calls)) for (const call of delta.tool_calls) this.#addCall(call)
    if (typeof choice.finish_reason === 'string') this.#finish = choice.finish_reason
    return { text: typeof delta.content === 'string' ? delta.content : '' }
  }

  /** The calls as text, once nothing more comes. */
  calls (): string {
    return this.#calls.filter(call => call !== undefined).map(call => callText(call.name, call.arguments)).join('\n')
  }

  ending (): Ending {
    const details = isObject(this.#usage.prompt_tokens_details) ? this.#usage.prompt_tokens_details : {}
    return {
      finishReason: this.#finish === 'length' ? 'length' : 'stop',
      usage: {
        promptTokens: count(this.#usage.prompt_tokens),
        imageTokens: count(details.image_tokens),
        cachedTokens: count(details.cached_tokens),
        completionTokens: count(this.#usage.completion_tokens)
      }
    }
  }

  /** A call comes in pieces: its name first, then its arguments bit by bit. */
  #addCall (value: unknown): void {
    if (!isObject(value)) return
    const index = count(value.index) ?? this.#calls.length
    if (index > MOST_CALLS) throw new MalformedStreamError('too many calls')
    const call = this.#calls[index] ??= { name: '', arguments: '' }
    const { name, arguments: args } = isObject(value.function) ? value.function : {}
    if (typeof name === 'string') call.name += name
    if (typeof args === 'string') call.arguments += args
  }
}

const MOST_CALLS = 128

function parse (data: string): Json {
  let value: unknown
  try {
    value = JSON.parse(data)
  } catch {
    throw new MalformedStreamError('a chunk is no JSON')
  }
  if (!isObject(value)) throw new MalformedStreamError('a chunk is no object')
  return value
}

function isObject (value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function count (value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : undefined
}
