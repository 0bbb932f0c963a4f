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
  #calls: Call[] = []
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
    return this.#calls.map(call => callText(call.name, call.arguments)).join('\n')
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

  /** A call comes in pieces: its id and name first, then its arguments bit by bit. */
  #addCall (value: unknown): void {
    if (!isObject(value)) return
    const { name, arguments: args } = isObject(value.function) ? value.function : {}
    const call = this.#callOf(text(value.id), count(value.index), text(name) !== '')
    call.name += text(name)
    call.arguments += text(args)
  }

  /**
   * The call that a piece belongs to. Servers disagree on how they say so: some leave out `index`, some give every call the
   * index 0, some repeat the id in each piece, some give none. A new id begins a call, and so does a name where the call
   * has one and its arguments have begun.
   */
  #callOf (id: string, index: number | undefined, isNamed: boolean): Call {
    const known = id === '' ? undefined : this.#calls.find(call => call.id === id)
    if (known) return known
    const last = index === undefined ? this.#calls.at(-1) : this.#calls.findLast(call => call.index === index)
    const isNew = last === undefined || (id !== '' && last.id !== '') ||
      (isNamed && last.name !== '' && (index === undefined || last.arguments !== ''))
    if (!isNew) {
      last.id ||= id
      return last
    }
    const call = { id, index, name: '', arguments: '' }
    if (this.#calls.push(call) > MAX_CALLS) throw new MalformedStreamError('too many calls')
    return call
  }
}

/** A tool call as far as its pieces have come. */
interface Call { id: string, index: number | undefined, name: string, arguments: string }

const MAX_CALLS = 128

const text = (value: unknown) => typeof value === 'string' ? value : ''

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
