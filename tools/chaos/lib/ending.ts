import { Readable } from 'node:stream'
import { readSse, type SseEvent } from '../../bench/lib/http.ts'
import type { Answer } from './answers.ts'
import type { Exchange } from './exchange.ts'

/** The ending of a request. */
export interface Ending {
  /**
   * One of these:
   * - `answer`: a complete JSON answer
   * - `stream`: a stream up to `done` or `[DONE]`
   * - `event CODE`: a stream that ended in an error
   * - `error STATUS CODE`: a refusal; without a code if Node refused the request
   * - `cut by the client`, `cut by the service`
   * - `not accepted by the service`: a cut connection that the service's log does not mention
   * - `no connection`
   * - `nothing`: the request did not end
   */
  name: string
  /** The text of the answer, as far as it was received. */
  text: string
  requestId: string | null
  /** A fault that no answer may have, or null. */
  fault: string | null
}

type Json = Record<string, any>

export const CUT_BY_SERVICE = 'cut by the service'
export const NOT_ACCEPTED = 'not accepted by the service'
const CUTS = { client: 'cut by the client', service: CUT_BY_SERVICE, refused: 'no connection', nobody: 'nothing' }
/** Statuses with which Node itself refuses input, before a request exists. */
const BARE_STATUSES = [400, 431]

/** The endings of an exchange's requests, in order. */
export async function endingsOf (exchange: Exchange, expected: number): Promise<Ending[]> {
  const endings: Ending[] = []
  for (let i = 0; i < expected; i++) endings.push(await endingOf(exchange, exchange.answers[i]))
  if (exchange.surplus > 0) endings.at(-1)!.fault = `${exchange.surplus} bytes after its end`
  return endings
}

async function endingOf ({ cut }: Exchange, answer: Answer | undefined): Promise<Ending> {
  const requestId = answer?.headers.get('x-request-id') ?? null
  const ending = (name: string, fault: string | null = null, text = ''): Ending => ({ name, text, requestId, fault })
  if (!answer?.complete) return ending(CUTS[cut ?? 'service'])
  const { status, headers, body } = answer
  if (requestId === null) {
    return BARE_STATUSES.includes(status)
      ? ending(`error ${status}`)
      : ending(`error ${status}`, 'an answer without x-request-id')
  }
  if (headers.get('content-type')?.startsWith('text/event-stream')) {
    return readStream(await eventsOf(body), requestId, ending)
  }
  if ((status === 429 || status === 503) && !headers.get('content-type')?.includes('json')) {
    return ending(`error ${status}`, 'a refusal that is not JSON')
  }
  if (status === 204) return ending('answer')
  let json: Json
  try {
    json = JSON.parse(body.toString())
  } catch {
    return ending(`error ${status}`, `${body.length} bytes that are not JSON`)
  }
  if (status === 200) {
    return ending('answer', faultOfAnswer(json, requestId), json.response ?? json.choices?.[0]?.message?.content ?? '')
  }
  return readError(json, answer, requestId, ending)
}

type MakeEnding = (name: string, fault?: string | null, text?: string) => Ending

function readError (json: Json, { status, headers }: Answer, requestId: string, ending: MakeEnding): Ending {
  const error = typeof json.error === 'object' ? json.error : json
  // Health probes have another format.
  if (error.code === undefined && typeof json.status === 'string') return ending(`error ${status}`)
  const fault = error.request_id !== requestId
    ? `request_id ${error.request_id} under x-request-id ${requestId}`
    : (status === 429 || status === 503) && !/^[1-9]\d*$/.test(headers.get('retry-after') ?? '')
        ? `${status} without Retry-After`
        : null
  return ending(`error ${status} ${error.code}`, fault)
}

function faultOfAnswer (json: Json, requestId: string): string | null {
  if ('response' in json && json.request_id !== requestId) {
    return `request_id ${json.request_id} under x-request-id ${requestId}`
  }
  if ('choices' in json && json.id !== `chatcmpl-${requestId}`) return `id ${json.id} under x-request-id ${requestId}`
  return null
}

async function eventsOf (body: Buffer): Promise<SseEvent[]> {
  const events: SseEvent[] = []
  for await (const event of readSse(Readable.from([body]))) events.push(event)
  return events
}

function readStream (events: SseEvent[], requestId: string, ending: MakeEnding): Ending {
  const last = events.at(-1)
  if (last === undefined) return ending('stream', 'a stream without an event')
  return last.event === '' ? readChunks(events, ending) : readNamedEvents(events, requestId, ending)
}

/** Reads a stream of `/api/chat_stream`. */
function readNamedEvents (events: SseEvent[], requestId: string, ending: MakeEnding): Ending {
  const names = events.map(({ event }) => event)
  const data = events.map(event => JSON.parse(event.data) as Json)
  const last = data.at(-1)!
  const ends = names.filter(name => name === 'done' || name === 'error').length
  const text = data.map(({ text }, i) => names[i] === 'token' ? text : '').join('')
  const count = (name: string) => names.filter(it => it === name).length
  const fault = names[0] !== 'accepted' || count('accepted') !== 1
    ? `a stream that begins with ${names[0]}`
    : ends !== 1 || !['done', 'error'].includes(names.at(-1)!)
      ? `a stream of ${ends} endings whose last event is ${names.at(-1)}`
      : last.request_id !== requestId
        ? `request_id ${last.request_id} under x-request-id ${requestId}`
        : names.at(-1) === 'done' && count('image') !== data[0]!.images
          ? `${count('image')} receipts for ${data[0]!.images} images`
          : null
  return ending(names.at(-1) === 'error' ? `event ${last.code}` : 'stream', fault, text)
}

/** Reads a stream of `/v1/chat/completions`. */
function readChunks (events: SseEvent[], ending: MakeEnding): Ending {
  const dones = events.filter(({ data }) => data === '[DONE]').length
  const chunks = events.filter(({ data }) => data !== '[DONE]').map(({ data }) => JSON.parse(data) as Json)
  const errors = chunks.filter(chunk => 'error' in chunk)
  const text = chunks.map(chunk => chunk.choices?.[0]?.delta?.content ?? '').join('')
  const fault = dones + errors.length !== 1
    ? `a stream of ${dones} [DONE] and ${errors.length} errors`
    : dones === 1 && events.at(-1)!.data !== '[DONE]' ? 'a stream that continues after [DONE]' : null
  return ending(errors.length > 0 ? `event ${errors[0]!.error.code}` : 'stream', fault, text)
}
