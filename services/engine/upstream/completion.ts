import type { Usage } from '../engine.ts'
import { callText } from './messages.ts'
import { MalformedStreamError } from './sse.ts'

/** The end of an answer, as its stream reports it. */
export interface Ending {
  finishReason: 'stop' | 'length'
  /** Counts of the upstream, which can omit each of them. `completionTokens` includes thoughts. */
  usage: { [Name in keyof Usage]?: number }
}

type Json = Record<string, unknown>

/** The parts of a chunk, or the error that the upstream reports instead. */
export interface Chunk {
  thought: string
  text: string
  /** True if the chunk contains a part of a tool call. */
  call: boolean
  error?: unknown
}

const NOTHING: Chunk = { thought: '', text: '', call: false }

/** Reads an answer from the chunks of its stream. */
export class CompletionReader {
  #calls: Call[] = []
  #finish: string | null = null
  #usage: Json = {}

  /** True after the stream has reported the end of the answer. */
  get finished (): boolean { return this.#finish !== null }

  /** True if the upstream aborted the answer. */
  get aborted (): boolean { return this.#finish === 'abort' || this.#finish === 'error' }

  /** The number of generated tokens so far, for upstreams that report it in each chunk. */
  get tokensSoFar (): number | undefined { return count(this.#usage.completion_tokens) }

  /**
   * @param data the JSON data of an event
   * @throws MalformedStreamError
   */
  push (data: string): Chunk {
    const chunk = parse(data)
    if (chunk.error !== undefined && chunk.error !== null) return { ...NOTHING, error: chunk.error }
    if (isObject(chunk.usage)) this.#usage = chunk.usage
    if (!Array.isArray(chunk.choices)) throw new MalformedStreamError('a chunk has no choices')
    const choice = chunk.choices[0]
    if (!isObject(choice)) return NOTHING
    const delta = isObject(choice.delta) ? choice.delta : {}
    const calls = Array.isArray(delta.tool_calls) ? delta.tool_calls : []
    for (const call of calls) this.#addCall(call)
    if (typeof choice.finish_reason === 'string') this.#finish = choice.finish_reason
    return {
      // The older and the newer name of the field. Some servers send both.
      thought: text(delta.reasoning_content) || text(delta.reasoning),
      text: text(delta.content),
      call: calls.length > 0
    }
  }

  /** Returns the tool calls as text. Must follow the last chunk. */
  calls (): string {
    return this.#calls.map(call => callText(call.name, call.arguments)).join('\n')
  }

  ending (): Ending {
    const { prompt_tokens_details: prompt, completion_tokens_details: completion } = this.#usage
    const details = isObject(prompt) ? prompt : {}
    return {
      finishReason: this.#finish === 'length' ? 'length' : 'stop',
      usage: {
        promptTokens: count(this.#usage.prompt_tokens),
        imageTokens: count(details.image_tokens),
        cachedTokens: count(details.cached_tokens),
        // SGLang reports thoughts next to the sums.
        thinkingTokens: count(isObject(completion) ? completion.reasoning_tokens : this.#usage.reasoning_tokens),
        completionTokens: count(this.#usage.completion_tokens)
      }
    }
  }

  /** A call arrives in pieces: first its id and name, then parts of its arguments. */
  #addCall (value: unknown): void {
    if (!isObject(value)) return
    const { name, arguments: args } = isObject(value.function) ? value.function : {}
    const call = this.#callOf(text(value.id), count(value.index), text(name) !== '')
    call.name += text(name)
    call.arguments += text(args)
  }

  /**
   * Finds or creates the call of a piece. Servers identify it in different ways: some omit `index`, some give every
   * call index 0, some repeat the id in each piece, some send no id. A new id starts a new call. A name starts a new
   * call if the current call already has a name and the beginning of its arguments.
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

/** A tool call, complete up to the last received piece. */
interface Call { id: string, index: number | undefined, name: string, arguments: string }

const MAX_CALLS = 128

const text = (value: unknown) => typeof value === 'string' ? value : ''

function parse (data: string): Json {
  let value: unknown
  try {
    value = JSON.parse(data)
  } catch {
    throw new MalformedStreamError('a chunk is not JSON')
  }
  if (!isObject(value)) throw new MalformedStreamError('a chunk is not an object')
  return value
}

function isObject (value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function count (value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : undefined
}
