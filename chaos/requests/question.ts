import type { Draw } from '../lib/draw.ts'
import { dataUri, formBody, jsonBody, postRequest, type Body } from '../lib/http.ts'
import { idOf } from '../lib/pictures.ts'
import { draft, type Draft, type Material } from './kind.ts'

/** A question that is to be answered. */
export interface Question {
  question: string
  pictures: readonly Buffer[]
  answer?: string
  /** What was said before, about pictures that are named by their ids. */
  before?: { question: string, pictures: readonly Buffer[], answer: string }
  /** The pictures of `before` are sent again; OpenAI's dialect has them in their place. */
  again?: boolean
  /** How many times each of them is sent again; once by default. Not in OpenAI's dialect. */
  times?: number
  /** Writes a picture into JSON; `dataUri` by default. */
  uri?: (data: Buffer) => string
  /** Fields beside these, alike in both interfaces. */
  more?: Record<string, unknown>
}

/** Both interfaces, streamed and not, and both kinds of bodies. */
export const WAYS = ['form', 'form stream', 'json', 'json stream', 'completion', 'completion stream'] as const
export type Way = typeof WAYS[number]
export const JSONS: readonly Way[] = ['json', 'json stream', 'completion', 'completion stream']
/** Those that take large pictures. */
export const FORMS: readonly Way[] = ['form', 'form stream']
export const STREAMS: readonly Way[] = ['form stream', 'json stream', 'completion stream']

const PATHS = { form: ['/api/chat', '/api/chat_stream'], json: ['/api/chat', '/api/chat_stream'], completion: ['/v1/chat/completions', '/v1/chat/completions'] }

/** Asks in this way; right is a complete answer. */
export function askIn (way: Way, { draw, model }: Material, question: Question): Draft {
  const [kind, stream] = way.split(' ') as ['form' | 'json' | 'completion', string?]
  const body = kind === 'form' ? toForm(question) : kind === 'json' ? toJson(question) : toCompletion(question, model, stream !== undefined, draw)
  const path = PATHS[kind][stream === undefined ? 0 : 1]!
  return draft(postRequest(path, body, draw.chance(0.5) ? 'Connection: close\r\n' : ''), stream === undefined ? 'answer' : 'stream', { text: question.answer, detail: way })
}

/** The same for people, another picture for caches: what stands behind its end is nobody's concern. */
export function fresh (draw: Draw, picture: Buffer): Buffer {
  return Buffer.concat([picture, draw.bytes(8)])
}

/** A question whose answer is known, with pictures that may have been seen before. */
export function drawQuestion ({ draw, pictures: { known } }: Material): Question {
  const { question, pictures, answer } = draw.pick(known)
  const anew = draw.chance(0.5)
  return { question, answer, pictures: anew ? pictures.map(picture => fresh(draw, picture)) : pictures }
}

/** The pictures of `before` that are sent again, in `history_images`. */
function resent ({ before, again, times = 1 }: Question): Buffer[] {
  return again ? Array.from({ length: times }, () => before!.pictures).flat() : []
}

function toForm (asked: Question): Body {
  const { question, pictures, before, more = {} } = asked
  const fields = Object.fromEntries(Object.entries(more).map(([name, value]) => [name, typeof value === 'object' ? JSON.stringify(value) : String(value)]))
  return formBody({ message: question, ...fields, ...before && { history: JSON.stringify(toHistory(before)) } }, [
    ...pictures.map(data => ({ field: 'images', data })),
    ...resent(asked).map(data => ({ field: 'history_images', data }))
  ])
}

function toJson (asked: Question): Body {
  const { question, pictures, before, again, more, uri = dataUri } = asked
  return jsonBody({
    message: question,
    images: pictures.map(uri),
    ...more,
    ...before && { history: toHistory(before) },
    ...again && { history_images: resent(asked).map(uri) }
  })
}

function toHistory ({ question, pictures, answer }: NonNullable<Question['before']>): object[] {
  return [{ role: 'user', content: question, images: pictures.map(idOf) }, { role: 'assistant', content: answer }]
}

function toCompletion (asked: Question, model: string, stream: boolean, draw: Draw): Body {
  const { question, pictures, before, again, more, uri = dataUri } = asked
  const picture = (url: string) => ({ type: 'image_url', image_url: { url } })
  const earlier = (data: Buffer) => again ? uri(data) : `sightline:${idOf(data)}`
  const turn = (text: string, urls: string[]) => ({ role: 'user', content: [...urls.map(picture), { type: 'text', text }] })
  const messages = [
    ...before ? [turn(before.question, before.pictures.map(earlier))] : [],
    ...before ? [{ role: 'assistant', content: before.answer }] : [],
    turn(question, pictures.map(uri))
  ]
  return jsonBody({ model, messages, temperature: 0, stream, ...stream && draw.chance(0.5) && { stream_options: { include_usage: true } }, ...more })
}
